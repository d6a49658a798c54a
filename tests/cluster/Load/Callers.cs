using JitGrains.ClusterTests.Histories;

namespace JitGrains.ClusterTests.Load;

/// <summary>Calls what an allow rule lets through.</summary>
internal sealed class Reader(World world, int seed) : Caller(world, seed)
{
    private Subject? order;

    protected override async Task Once(CancellationToken stop)
    {
        order ??= World.History.NewSubject("orders.read", Me.Principal, Gate.Allow);
        await Call(AnyGateway(), order, "GET", "");
        await Pause(30, stop);
    }
}

/// <summary>Calls what policy approves by itself, at times at two gateways at once.</summary>
internal sealed class Automatic(World world, int seed) : Caller(world, seed)
{
    protected override async Task Once(CancellationToken stop)
    {
        var subject = World.History.NewSubject("orders.small", Me.Principal, Gate.Counted);
        var body = new { order = subject.Order, amount = 5 };
        Task[] calls = [.. Enumerable.Range(0, Random.Next(4) == 0 ? 2 : 1).Select(_ => Call(AnyGateway(), subject, "POST", "small", wait: 2, body: body))];
        await Task.WhenAll(calls);
        await Pause(40, stop);
    }
}

/// <summary>Calls and is held until somebody has voted, wherever they vote; calls again where it was not decided in time.</summary>
internal sealed class Held(World world, int seed) : Caller(world, seed)
{
    protected override async Task Once(CancellationToken stop)
    {
        var subject = World.History.NewSubject("orders.refund", Me.Principal, Gate.Counted);
        var body = new { order = subject.Order, amount = 50 };
        string? request = null;
        for (var attempt = 0; attempt < 6 && !stop.IsCancellationRequested; attempt++)
        {
            // At times the same call at two gateways at once: they join one request, and one of them runs it.
            var both = await Task.WhenAll(Enumerable.Range(0, Random.Next(3) == 0 ? 2 : 1).Select(_ => Call(AnyGateway(), subject, "POST", "refund", wait: Random.Next(5), request: request, body: body)));
            request ??= both.Select(a => a.Request).FirstOrDefault(r => r is not null);
            if (Array.Exists(both, a => a.Succeeded || a.Problem is "already-used" or "request-denied" or "request-cancelled" or "denied" or "cooling-down"))
                break;
            if (request is not null && Random.Next(12) == 0)
                await Cancel(request);
            await Pause(50, stop);
        }
    }
}

/// <summary>Asks ahead for a few uses and spends them, sending more calls than that, to several gateways at once.</summary>
internal sealed class Spender(World world, int seed) : Caller(world, seed)
{
    protected override async Task Once(CancellationToken stop)
    {
        var uses = Random.Next(1, 6);
        var subject = World.History.NewSubject("orders.close", Me.Principal, Gate.Counted);
        if (await Ask(subject, uses: uses) is not { } request || await Granted(request, stop) is not { } id)
            return;
        var grant = Random.Next(3) == 0 ? World.Use(id, subject) : null;
        var ran = 0;
        for (var round = 0; round < 8 && !stop.IsCancellationRequested; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, Random.Next(1, 5)).Select(i => Call(World.Gateways[i % World.Gateways.Count], subject, "PUT", "close", request: request)));
            ran += answers.Count(a => a.Succeeded);
            if (ran >= uses || Array.Exists(answers, a => a.Problem is "already-used" or "denied"))
                break;
            await Pause(30, stop);
        }

        if (grant is not null)
            World.Done(grant);
    }
}

/// <summary>Asks ahead for a window and calls within it, at all gateways, until well after it is over or was ended.</summary>
internal sealed class Windowed(World world, int seed) : Caller(world, seed)
{
    private const int ShortWindow = 2;
    private const int Enough = 6;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(20);

    protected override async Task Once(CancellationToken stop)
    {
        var runsOut = Random.Next(6) == 0;
        var subject = World.History.NewSubject("orders.purge", Me.Principal, Gate.Window);
        if (await Ask(subject, seconds: runsOut ? ShortWindow : 600) is not { } request || await Granted(request, stop) is not { } id)
            return;
        var grant = runsOut ? new LiveGrant(id, subject) : World.Use(id, subject);
        var release = !runsOut && Random.Next(8) == 0;
        var refused = 0;
        while (refused < Enough && Wire.Clock.Now - grant.Since < Longest && !stop.IsCancellationRequested)
        {
            // While it is being ended, as many as go: that is when it matters.
            var answers = await Task.WhenAll(World.Gateways.Take(grant.Ending ? 3 : 1).Select(g => Call(grant.Ending ? g : AnyGateway(), subject, "DELETE", "purge")));
            refused += answers.Any(a => a.Status is 403 or 409) ? 1 : 0;
            if (release && !grant.Ending && Random.Next(5) == 0)
                await Release(grant);
            await Pause(grant.Ending ? 20 : 40, stop);
        }

        World.Done(grant);
    }
}
