using System.Text.Json.Nodes;
using JitGrains.ClusterTests.Checking;
using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Running;

/// <summary>Reads and verifies the audit trail as an auditor would: through the control plane.</summary>
internal sealed class Auditor(World world, History history) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly string[] Types =
    [
        "request.raised", "vote.cast", .. Trail.Decisions, "grant.issued", "grant.consumed", "grant.revoked", "grant.released", "execution.outcome",
    ];

    private readonly Client client = new();
    private (long Sequence, string Hash)? head;

    /// <summary>Verifies all chains, and that the trail still has the head that it had at the last time.</summary>
    public async Task Verify()
    {
        var report = await Get("audit/verify");
        Add(report);
        history.Count("audit entries verified, all in all", report["entries"]!.GetValue<long>());
        if (head is { } last)
        {
            var again = await Get($"audit/verify?source=system&head_sequence={last.Sequence}&head_hash={last.Hash}");
            Add(again);
        }

        var system = report["chains"]!.AsArray().Single(c => c!["source"]!.GetValue<string>() == "system")!;
        head = (system["sequence"]!.GetValue<long>(), system["hash"]!.GetValue<string>());
    }

    /// <summary>Everything about requests and grants, once all that was begun has come to its end.</summary>
    public async Task<Trail> Settled()
    {
        Trail? trail = null;
        try
        {
            await Until.Holds(
                async () =>
                {
                    trail = await Read();
                    return trail.Entries.Count(e => e.Type == "grant.consumed") == trail.Entries.Count(e => e.Type == "execution.outcome");
                },
                "every execution has its outcome",
                TimeSpan.FromSeconds(45));
        }
        catch (TimeoutException)
        {
            // The checker says which.
        }

        return trail!;
    }

    public void Dispose() => client.Dispose();

    private async Task<Trail> Read()
    {
        var entries = new List<JsonNode>();
        foreach (var type in Types)
            entries.AddRange(await All($"audit?type={type}"));
        return Trail.Read(entries);
    }

    private async Task<List<JsonNode>> All(string list)
    {
        var items = new List<JsonNode>();
        string? cursor = null;
        do
        {
            var page = await Get($"{list}&limit=200{(cursor is null ? "" : "&cursor=" + Uri.EscapeDataString(cursor))}");
            items.AddRange(page["items"]!.AsArray()!);
            cursor = page["next_cursor"]?.GetValue<string>();
        }
        while (cursor is not null);
        return items;
    }

    private async Task<JsonNode> Get(string path)
    {
        Answer? answer = null;
        await Until.Holds(
            async () => (answer = await client.Send("GET", new Uri(world.Silos[0].Address, "/api/v1/" + path), world.Operator.Token, null, Patience)).Succeeded,
            $"{path} is answered",
            Patience);
        return answer!.Json;
    }

    private void Add(JsonNode report) => history.Add(new Verified(
        world.Silos[0].Name,
        Clock.Now,
        [.. report["problems"]!.AsArray().Select(p => new ChainProblem(p!["source"]!.GetValue<string>(), p["problem"]!.GetValue<string>()))])
    {
        Status = 200,
    });
}
