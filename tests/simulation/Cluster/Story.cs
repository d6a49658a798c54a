using JitGrains.Approvals;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Revocation;
using JitGrains.PolicyVersions;
using JitGrains.Simulation.Checking;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Cluster;

/// <summary>What callers, approvers and operators do, each op a story of its own.</summary>
internal sealed partial class Story(World world, SimCluster cluster, Checker checker)
{
    private static readonly TimeSpan CallerGivesUp = TimeSpan.FromSeconds(25);

    /// <summary>Longer than a store may be away, a lease and what goes on after it be waited out, and a process stand still.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    public Task Tell(Op op, Dice dice) => op.Kind switch
    {
        OpKind.Refund => Calls(Call.Refund(People.Callers[op.A], 1 + (op.B / 2), 100 + (op.B % 2)), dice),
        OpKind.Ship => Calls(Call.Ship(People.Callers[op.A], 1 + op.B), dice),
        OpKind.Delete => Calls(Call.Delete(People.Callers[op.A], 1 + op.B), dice),
        OpKind.Read => Calls(Call.Read(People.Callers[op.A], 1 + op.B), dice),
        OpKind.AskAhead => Calls(
            new Call(People.Callers[op.A], "POST", "/.jit/requests", """{"action":"orders.delete","duration_seconds":10,"reason":"clean up"}"""), dice),
        OpKind.Approve => Approves(People.Approvers[op.A], dice, twice: false),
        OpKind.DoubleVote => Approves(People.Approvers[op.A], dice, twice: true),
        OpKind.RevokeGrant => RevokesGrant(op.A == 0, dice),
        OpKind.RevokePrincipal => RevokesPrincipal(People.Callers[op.A], dice),
        OpKind.RevokeAction => RevokesAction(op.A switch { 0 => "orders.refund", 1 => "orders.ship", _ => "orders.delete" }, dice),
        OpKind.Block => Blocks(People.Callers[op.A], op.For, dice),
        OpKind.Policy => AppliesPolicy(Policies.All[op.A], dice),
        OpKind.Cancel => Cancels(dice),
        OpKind.Release => Releases(dice),
        OpKind.Grant => HasApproved(People.Callers[op.A], op.B, dice),
        OpKind.Others => SendsOthers(People.Callers[op.A], op.B, dice),
        OpKind.Lists => Lists(op.A, op.B, op.For, dice),
        OpKind.KeyReads => KeyReads(People.Robots[op.A], op.For, dice),
        OpKind.RevokeKey => RevokesKey(People.Robots[op.A], dice),
        OpKind.Stream => Streams(People.Callers[op.A], op.B, op.For, dice),
        _ => throw new InvalidOperationException($"{op.Kind} is a fault"),
    };

    /// <summary>Sends a call again and again until it ran, was refused for good, or is given up.</summary>
    public async Task<bool> Calls(Call ask, Dice dice)
    {
        var began = world.Now;
        string? request = null;
        // Some always go to the same gateway.
        var place = dice.Chance(0.5) ? dice.Of(cluster.Gateways) : -1;
        for (var attempt = 1; world.Now - began < CallerGivesUp && attempt <= 20; attempt++)
        {
            if ((place < 0 ? PickUp(cluster.Gateways, dice) : cluster.Up(place)) is not { } host)
            {
                await world.Pause(TimeSpan.FromMilliseconds(300));
                continue;
            }

            // The same call at once by another way, as impatient clients and proxies do.
            if (dice.Chance(0.12) && PickUp(cluster.Gateways, dice) is { } other)
                _ = Send(other, ask, 0, request, null);
            TimeSpan? leaves = dice.Chance(0.08) ? dice.Between(TimeSpan.Zero, TimeSpan.FromSeconds(2)) : null;
            var answer = await Send(host, ask, dice.Below(4), request, leaves);
            request = dice.Chance(0.5) ? answer.Request ?? request : null;
            if (answer.Status is 200 or 201 || (answer.Status is 403 or 404 or 400 or 409 && answer.Type != "approval-required"))
            {
                // Some go on calling, as whoever has a grant for a while does.
                if (!(answer.Ran && ask.Method == "DELETE" && dice.Chance(0.8)))
                    return answer.Ran;
            }

            await world.Pause(dice.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(dice.Chance(0.3) ? 2500 : 400)));
        }

        return false;
    }

    /// <summary>Asks, has it approved, and calls until that runs.</summary>
    private async Task HasApproved(string who, int what, Dice dice)
    {
        var ask = what switch { 0 => Call.Delete(who, 1), 1 => Call.Ship(who, 1), _ => Call.Refund(who, 1, what) };
        for (var attempt = 1; attempt <= 8; attempt++)
        {
            if (PickUp(cluster.Gateways, dice) is { } host && (await Send(host, ask, 0, null, null)).Ran)
                return;
            foreach (var approver in People.Approvers.Where(a => a != who))
                await Approves(approver, dice, twice: false, always: true);
        }
    }

    /// <summary>Has a call approved that it has left, and sends others first, which are not it: under its request's id, and without.</summary>
    private async Task SendsOthers(string who, int what, Dice dice)
    {
        var (asked, others) = what == 0
            ? (Call.Ship(who, 1), new[] { Call.Ship(who, 2), Call.Ship(who, 3) })
            : (Call.Refund(who, 1, 100), [Call.Refund(who, 1, 101), Call.Refund(who, 2, 100)]);
        if (PickUp(cluster.Gateways, dice) is not { } first || (await Send(first, asked, 0, null, null)).Request is not { } request)
            return;
        foreach (var approver in People.Approvers.Where(a => a != who))
            await Approves(approver, dice, twice: false, always: true);
        foreach (var ask in others.Append(asked))
        {
            foreach (var named in dice.Chance(0.5) ? new[] { request, null } : [null, request])
            {
                if (PickUp(cluster.Gateways, dice) is { } host)
                    await Send(host, ask, 0, named, null);
            }
        }
    }

    /// <summary>One call after the other, whether or not those before were answered.</summary>
    private async Task Streams(string who, int place, TimeSpan length, Dice dice)
    {
        var began = world.Now;
        var calls = new List<Task>();
        while (world.Now - began < length)
        {
            if (cluster.Up(place) is { } host)
                calls.Add(Send(host, Call.Delete(who, 1), 0, null, null));
            await world.Pause(dice.Between(TimeSpan.FromMilliseconds(20), TimeSpan.FromMilliseconds(120)));
        }

        await Task.WhenAll(calls);
    }

    /// <summary>Far more lists than the shared limit lets through, by one gateway or by all.</summary>
    private async Task Lists(int place, int all, TimeSpan length, Dice dice)
    {
        var calls = new List<Task>();
        for (var began = world.Now; world.Now - began < length;)
        {
            if ((all == 0 ? PickUp(cluster.Gateways, dice) : cluster.Up(place % cluster.Gateways.Count)) is { } host)
                calls.Add(Send(host, Call.List("alice"), 0, null, null));
            await world.Pause(dice.Between(TimeSpan.FromMilliseconds(10), TimeSpan.FromMilliseconds(90)));
        }

        await Task.WhenAll(calls);
    }

    /// <summary>Takes away what a call relies on, in one of the ways that there are.</summary>
    public Task Ends(string who, string method, Dice dice) => dice.Below(8) switch
    {
        0 => RevokesAction(method switch { "POST" => "orders.refund", "PUT" => "orders.ship", _ => "orders.delete" }, dice),
        1 => Blocks(who, TimeSpan.FromSeconds(1), dice),
        2 => AppliesPolicy(dice.Chance(0.5) ? Policies.Shut : Policies.Stricter, dice),
        3 => AppliesPolicy(Policies.Usual, dice),
        4 or 5 => RevokesPrincipal(who, dice),
        _ => RevokesGrant(dice.Chance(0.3), dice),
    };

    public async Task<Answer> Send(Host host, Call ask, int wait, string? request, TimeSpan? leaves)
    {
        checker.Operations++;
        world.History.Add("client", $"{ask} -> {host.Process.Name}");
        var answer = await Client.Send(world, host, ask, cluster.Issuer.TokenOf(ask.Who), wait, request, leaves, a => checker.Answered(host.Process, ask, a), () => checker.Stuck(host, $"{ask}"));
        world.History.Add("client", $"{ask} <- {host.Process.Name} {answer}");
        return answer;
    }

    /// <summary>Votes on what is pending.</summary>
    public async Task<int> Approves(string who, Dice dice, bool twice, bool always = false)
    {
        if (PickUp(cluster.Silos, dice) is not { } host)
            return 0;
        var pending = await Try(host, "list", async () =>
            await host.Get<IReadModel>().ListRequestsAsync(new RequestFilter { Status = RequestStatus.Pending }, limit: 20) is PageReply<Wire.ApprovalRequestView>.Page page ? page.Items : []);
        foreach (var request in pending.IsDefault ? [] : pending)
        {
            if (!always && dice.Chance(0.15))
                continue;
            var decision = always || dice.Chance(0.88) ? VoteDecision.Approve : VoteDecision.Deny;
            var digest = !always && dice.Chance(0.03) ? "hs1.wrong" : request.Digest;
            var another = twice ? PickUp(cluster.Silos, dice) : null;
            var second = another is null ? Task.CompletedTask : Votes(another, who, request.Id, decision, digest);
            await Votes(host, who, request.Id, decision, digest);
            await second;
        }

        return pending.IsDefault ? 0 : pending.Length;
    }

    public Host? PickUp(IReadOnlyList<int> places, Dice dice)
    {
        var up = places.Select(cluster.Up).OfType<Host>().ToArray();
        return up.Length == 0 ? null : dice.Of(up);
    }

    public async Task<bool> Unblocks(string who, Dice dice)
    {
        if (PickUp(cluster.Silos, dice) is not { } host)
            return false;
        checker.Unblocking(who);
        var done = await Try(host, $"unblock {who}", () => host.Get<IRevocationService>().UnblockAsync(People.Id(who), Order(dice), CancellationToken.None));
        return done is not null;
    }

    public async Task<bool> AppliesPolicy(string name, Dice dice)
    {
        if (PickUp(cluster.Silos, dice) is not { } host)
            return false;
        var began = checker.PolicyBegins(name);
        var done = await Try(host, $"policy {name}", () => host.Get<PolicyAdministration>().ApplyAsync([new PolicyText("policy.yaml", Policies.Text(name))], People.Id("olga"), "because", null));
        if (done?.Value is null)
            return false;
        checker.PolicyApplied(began);
        return true;
    }

    private async Task Votes(Host host, string who, string request, VoteDecision decision, string digest)
    {
        checker.Casting(who, request, decision);
        var reply = await Try(host, $"{who} votes {decision} on {request}", () => host.Get<IGrainFactory>().GetGrain<IApprovalRequestGrain>(request)
            .Vote(new VoteCommand(People.Id(who), [], [.. People.GroupsOf[who].Select(g => $"{People.Realm}:{g}").Order(StringComparer.Ordinal)], decision, null, digest)));
        if (reply?.Value is not null)
            checker.VoteTaken(who, request);
    }

    private async Task RevokesGrant(bool terminate, Dice dice)
    {
        if (checker.PickGrant(dice) is not { } grant || PickUp(cluster.Silos, dice) is not { } host)
            return;
        var which = checker.RevocationBegins(g => g.Id == grant);
        var reply = await Try(host, $"revoke {grant}", () => host.Get<IRevocationService>().RevokeGrantAsync(grant, Order(dice) with { Terminate = terminate }, CancellationToken.None));
        if (reply?.Value is not null)
            checker.Revoked(which);
    }

    private async Task RevokesPrincipal(string who, Dice dice)
    {
        if (PickUp(cluster.Silos, dice) is not { } host)
            return;
        var which = checker.RevocationBegins(g => g.Who == who);
        var done = await Try(host, $"revoke all of {who}", () => host.Get<IRevocationService>().RevokePrincipalAsync(People.Id(who), Order(dice), CancellationToken.None));
        if (done is not null)
            checker.Revoked(which);
    }

    private async Task RevokesAction(string action, Dice dice)
    {
        if (PickUp(cluster.Silos, dice) is not { } host)
            return;
        var which = checker.RevocationBegins(g => g.Action == action, thoseOnTheirWay: true);
        var reply = await Try(host, $"revoke all {action}", () => host.Get<IRevocationService>().RevokeMatchingAsync(new Restrictions.GrantSelector(Restrictions.SelectorKind.Action, action), Order(dice), CancellationToken.None));
        if (reply?.Value is not null)
            checker.Revoked(which);
    }

    private async Task Blocks(string who, TimeSpan length, Dice dice)
    {
        if (PickUp(cluster.Silos, dice) is not { } host)
            return;
        var began = checker.BlockBegins(who);
        var reply = await Try(host, $"block {who}", () => host.Get<IRevocationService>().BlockAsync(People.Id(who), Order(dice), CancellationToken.None));
        if (reply?.Value is not null)
            checker.Blocked(who, began);
        await world.Pause(length);
        await Unblocks(who, dice);
    }

    private async Task Cancels(Dice dice)
    {
        if (checker.PickRequest(dice) is not var (request, who) || PickUp(cluster.Gateways, dice) is not { } host)
            return;
        await Send(host, new Call(who, "DELETE", $"/.jit/requests/{request}", ""), 0, null, null);
    }

    private async Task Releases(Dice dice)
    {
        if (checker.PickGrant(dice) is not { } grant || PickUp(cluster.Gateways, dice) is not { } host)
            return;
        var which = checker.RevocationBegins(g => g.Id == grant);
        var answer = await Send(host, new Call(checker.HolderOf(grant), "DELETE", $"/.jit/grants/{grant}", ""), 0, null, null);
        if (answer.Status == 200)
            checker.Revoked(which);
    }

    private static RevocationOrder Order(Dice dice) => new(People.Id("olga"), "because", Terminate: dice.Chance(0.3));

    /// <summary>Asks a silo; nothing where it broke off or could not.</summary>
    private async Task<T?> Try<T>(Host host, string what, Func<Task<T>> work)
    {
        checker.Operations++;
        world.History.Add("client", $"{what} -> {host.Process.Name}");
        try
        {
            var answer = host.Serve(work);
            if (await Task.WhenAny(answer, world.Pause(Patience)) != answer)
            {
                checker.Stuck(host, what);
                throw new ConnectionLostException(host.Process.Name);
            }

            var result = await answer;
            world.History.Add("client", $"{what} <- {host.Process.Name} {typeof(T).GetProperty("Refusal")?.GetValue(result)?.GetType().Name ?? "done"}");
            return result;
        }
        catch (Exception e)
        {
            world.History.Add("client", $"{what} <- {host.Process.Name} {e.GetType().Name}: {e.Message}");
            return default;
        }
    }
}
