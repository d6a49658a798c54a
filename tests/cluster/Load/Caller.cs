using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>One caller with its own principal, connections and history; what kinds of callers do is in its subclasses.</summary>
internal abstract class Caller(World world, int seed) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    private const string Authority = "orders.example.com";

    private readonly Client client = new();

    protected World World => world;

    protected Random Random { get; } = new(seed);

    protected Client Client => client;

    protected Person Me { get; } = world.NewCaller();

    /// <summary>Goes on until told to stop.</summary>
    public async Task Run(CancellationToken stop)
    {
        await Task.Yield();
        while (!stop.IsCancellationRequested)
        {
            await Once(stop);
            await Pause(10, stop);
        }
    }

    public void Dispose() => client.Dispose();

    protected abstract Task Once(CancellationToken stop);

    protected Place AnyGateway() => World.Any(world.Gateways, Random);

    /// <summary>Waits about so long, so that clients do not all do the same at once; less where the run is over.</summary>
    protected async Task Pause(int milliseconds, CancellationToken stop)
    {
        try
        {
            await Until.Passed(TimeSpan.FromMilliseconds(1 + Random.Next(milliseconds * 2)), stop);
        }
        catch (OperationCanceledException)
        {
            // Over.
        }
    }

    /// <summary>Sends a call through a gateway and writes down what it was told.</summary>
    protected async Task<Answer> Call(Place gateway, Subject subject, string method, string verb, int wait = 0, string? request = null, object? body = null)
    {
        var id = world.History.NewCall();
        // One name for all gateways, as behind a load balancer: an approval for a whole call is for its authority too.
        List<(string, string)> headers = [("X-Call", id), ("Prefer", $"wait={wait}"), ("Host", Authority)];
        if (request is not null)
            headers.Add(("Jit-Request", request));
        var path = verb.Length == 0 ? $"/orders/{subject.Order}" : $"/orders/{subject.Order}/{verb}";
        var answer = await client.Send(method, new Uri(gateway.Address, path), Me.Token, body, Patience + TimeSpan.FromSeconds(wait), default, [.. headers]);
        world.History.Add(new Call(gateway.Name, answer.SentAt, id, subject) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem });
        world.History.Count(answer.Status == 0 ? "calls without an answer" : answer.Succeeded ? $"calls that ran ({subject.Action})" : $"calls answered {answer.Problem ?? answer.Status.ToString()}");
        if (answer is { Problem: "approval-required", Request: { } raised })
            world.History.Add(new Asked(gateway.Name, answer.SentAt, raised, subject) { AnsweredAt = answer.At, Status = 202 });
        return answer;
    }

    /// <summary>Asks ahead; the request's id, or null where it was not taken.</summary>
    protected async Task<string?> Ask(Subject subject, int? seconds = null, int? uses = null)
    {
        var gateway = AnyGateway();
        var ask = new Dictionary<string, object>(StringComparer.Ordinal) { ["action"] = subject.Action, ["resource"] = subject.Resource };
        if (seconds is { } window)
            ask["duration_seconds"] = window;
        if (uses is { } number)
            ask["uses"] = number;
        var answer = await client.Send("POST", new Uri(gateway.Address, "/.jit/requests"), Me.Token, ask, Patience);
        world.History.Count(answer.Succeeded ? "asks taken" : $"asks answered {answer.Problem ?? answer.Status.ToString()}");
        if (!answer.Succeeded)
        {
            world.History.Add(new Asked(gateway.Name, answer.SentAt, "", subject) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem });
            await Pause(100, CancellationToken.None);
            return null;
        }

        var id = answer.Json["id"]!.GetValue<string>();
        world.History.Add(new Asked(gateway.Name, answer.SentAt, id, subject) { AnsweredAt = answer.At, Status = answer.Status });
        return id;
    }

    /// <summary>Waits for the decision, at any gateway; the grant, where there is one.</summary>
    protected async Task<string?> Granted(string request, CancellationToken stop)
    {
        for (var i = 0; i < 15 && !stop.IsCancellationRequested; i++)
        {
            var gateway = AnyGateway();
            var answer = await client.Send("GET", new Uri(gateway.Address, $"/.jit/requests/{request}"), Me.Token, null, Patience, default, ("Prefer", "wait=4"));
            var status = answer.Succeeded ? answer.Json["status"]!.GetValue<string>() : "";
            world.History.Add(new Seen(gateway.Name, answer.SentAt, request, status) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem });
            if (answer.Succeeded && status != "pending")
                return answer.Json["grant"]?["id"]?.GetValue<string>();
            if (!answer.Succeeded)
                await Pause(100, stop);
        }

        return null;
    }

    /// <summary>Gives a grant back.</summary>
    protected async Task Release(LiveGrant grant)
    {
        using var own = new Client(oneByOne: true);
        var gateway = AnyGateway();
        grant.Ending = true;
        var answer = await own.Send("DELETE", new Uri(gateway.Address, $"/.jit/grants/{grant.Id}"), Me.Token, null, TimeSpan.FromSeconds(30));
        world.History.Count(answer.Succeeded ? "releases" : $"releases answered {answer.Problem ?? answer.Status.ToString()}");
        world.History.Add(new Ended(gateway.Name, answer.SentAt, EndKind.Release, [grant.Id]) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem });
        grant.Ended |= answer.Succeeded;
    }

    /// <summary>Takes a request back.</summary>
    protected async Task Cancel(string request)
    {
        var gateway = AnyGateway();
        var answer = await client.Send("DELETE", new Uri(gateway.Address, $"/.jit/requests/{request}"), Me.Token, null, Patience);
        world.History.Count(answer.Succeeded ? "requests taken back" : $"taking back answered {answer.Problem ?? answer.Status.ToString()}");
        // Answered with the task as it stands: a decision may have been faster.
        if (!answer.Succeeded || answer.Json["status"]!.GetValue<string>() == "cancelled")
            world.History.Add(new Cancelled(gateway.Name, answer.SentAt, request) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem });
    }
}
