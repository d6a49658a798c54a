using System.Globalization;
using System.Text.Json.Nodes;
using JitGrains.Audit;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Overload;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using JitGrains.WaysTests.Servers;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.WaysTests;

/// <summary>
/// A gateway in front of one server. What the server received is set beside what the gateway's journal says that it forwarded. Not
/// thread-safe.
/// </summary>
internal sealed class Lane : IAsyncDisposable
{
    private const int Looks = 100;
    private readonly Upstream upstream;
    private readonly GatewayFixture gateway;
    private readonly List<SentCase> sent = [];
    // What failed on the way, and that no server has told of yet: one may write its line long after.
    private readonly List<Decided> missing = [];
    private long judged;

    private Lane(Upstream upstream, GatewayFixture gateway) => (this.upstream, this.gateway) = (upstream, gateway);

    public string Name => upstream.Name;

    /// <summary>Requests sent since the start.</summary>
    public int Sent { get; private set; }

    /// <summary>Requests that an upstream received, since the start.</summary>
    public int Received { get; private set; }

    public static async Task<Lane> Start(Upstream upstream)
    {
        var started = await GatewayFixture.Start(
            upstream.Address, WaysPolicy.Text, args: ["--store", "memory"],
            // A request that is cut short is to be over soon.
            settings: new Dictionary<string, string>(StringComparer.Ordinal) { ["HeadersWithin"] = "00:00:02", ["SlowGrace"] = "00:00:02" });
        return new Lane(upstream, started);
    }

    /// <summary>Starts one for every kind of server.</summary>
    public static async Task<IReadOnlyList<Lane>> StartAll()
    {
        Upstream[] upstreams = [await KestrelUpstream.Start(), await ProcessUpstream.Nginx(), await ProcessUpstream.Node(), await ProcessUpstream.Python()];
        return await Task.WhenAll(upstreams.Select(Start));
    }

    /// <summary>Sends requests, each as it is, and judges them: what is wrong.</summary>
    /// <param name="cases">The requests.</param>
    /// <param name="quiet">How long the gateway may be silent before a caller ends a request that is not whole.</param>
    public async Task<IReadOnlyList<Wrong>> Judge(IEnumerable<WaysCase> cases, Func<TimeSpan>? quiet = null)
    {
        foreach (var one in cases)
            await Send(one, quiet?.Invoke());
        return await Judge();
    }

    private async Task Send(WaysCase one, TimeSpan? quiet)
    {
        // Each has an agent of its own, who is in the journal: so that is known of which request an entry speaks.
        var name = string.Create(CultureInfo.InvariantCulture, $"c{Sent++}");
        var token = await gateway.Token("alice", "agent:" + name);
        var passed = one.Http2 is { } headers
            ? await Http2Call.Send(gateway.Http2, headers, one.Body, token, name)
            : await RawCall.Send(gateway.Gateway, one.Bytes(token, name), one.MustPass, quiet);
        sent.Add(new(name, one, passed));
    }

    private async Task<IReadOnlyList<Wrong>> Judge()
    {
        var journal = gateway.Services.GetRequiredService<GatewayJournal>();
        // A call whose caller went away half-way ends a little later, and only then has its entry.
        var calls = gateway.Services.GetRequiredService<LoadShedder>();
        await Eventually.Holds(() => calls.Calls == 0);
        await Eventually.Holds(() => journal.Pending == 0);
        var forwarded = new List<Decided>();
        var audit = gateway.Services.GetRequiredService<IAuditStore>();
        await foreach (var entry in audit.ReadChainAsync(journal.Source, judged + 1))
        {
            judged = entry.Sequence;
            var body = JsonNode.Parse(entry.Body)!;
            if (body["type"]!.GetValue<string>() != AuditTypes.CallForwarded)
                continue;
            var data = body["data"]!;
            var values = await audit.ResolveAsync([.. data.AsObject().Select(p => p.Value!.ToString())]);
            forwarded.Add(new Decided(
                Value(data["actors"]).Split(':')[^1], Value(data["action"]), Value(data["method"]), Value(data["resource"]), Value(data["status"]) == "failed"));

            string Value(JsonNode? field) => field?.ToString() is { } text ? values.GetValueOrDefault(text, text) : "";
        }

        var received = new List<Seen>();
        if (forwarded.Count > 0)
        {
            // A server may write its line a little after it has answered; and what broke off half-way it may never have seen.
            using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            for (var look = 0; look < Looks && received.Count < forwarded.Count; look++)
            {
                received.AddRange(upstream.Take());
                await pause.WaitForNextTickAsync();
            }
        }

        received.AddRange(upstream.Take());
        Received += received.Count;
        var wrong = new List<Wrong>();
        // What lost its X-Case on the way is told apart by the order alone.
        var left = received.ToList();
        wrong.AddRange(Late(left));
        foreach (var decided in forwarded)
        {
            var at = left.FindIndex(r => r.Case == decided.Case);
            if (at < 0)
                at = left.FindIndex(r => !sent.Any(s => s.Name == r.Case));
            if (at >= 0)
            {
                var seen = left[at];
                left.RemoveAt(at);
                wrong.AddRange(Verdict.Of(decided, seen).Select(w => new Wrong(Of(decided.Case), $"{Name}: {w}; decided {decided}, received {seen.Method} {seen.Target}")));
            }
            else if (decided.Failed)
            {
                // It may never have got there.
                missing.Add(decided);
            }
            else
            {
                wrong.Add(new(Of(decided.Case), $"{Name}: {decided} was forwarded and never received"));
            }
        }

        wrong.AddRange(left.Select(r => new Wrong(Of(r.Case), $"{Name}: received and never decided on: {r.Method} {r.Target}")));
        wrong.AddRange(sent.Where(s => s.Case.MustPass && !s.Passed).Select(s => new Wrong(s.Case, $"{Name}: should have passed and did not")));
        sent.Clear();
        return wrong;
    }

    /// <summary>Takes out, and judges, what servers tell late of requests that were judged before.</summary>
    private List<Wrong> Late(List<Seen> received)
    {
        var wrong = new List<Wrong>();
        foreach (var decided in missing.ToList())
        {
            if (received.Find(r => r.Case == decided.Case) is not { } seen)
                continue;
            received.Remove(seen);
            missing.Remove(decided);
            wrong.AddRange(Verdict.Of(decided, seen).Select(w => new Wrong(null, $"{Name}: {w}; decided {decided}, received {seen.Method} {seen.Target}")));
        }

        return wrong;
    }

    public async ValueTask DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
    }

    private WaysCase? Of(string name) => sent.Find(s => s.Name == name)?.Case;

    private sealed record SentCase(string Name, WaysCase Case, bool Passed);
}

/// <summary>What the gateway decided on.</summary>
internal sealed record Decided(string Case, string Action, string Method, string Resource, bool Failed);

/// <summary>What went wrong, and with which request, where that is known.</summary>
internal sealed record Wrong(WaysCase? Case, string What)
{
    public override string ToString() => $"{What}\n    {(Case is null ? "(of no case)" : $"{Case.File}: {Case.Line}")}";
}
