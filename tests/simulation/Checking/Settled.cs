using JitGrains.Approvals;
using JitGrains.Gateways;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Audit;
using JitGrains.Simulation.Cluster;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Checking;

/// <summary>Whether a cluster that nothing troubles any more has come to rest, and works.</summary>
internal sealed class Settled(World world, SimCluster cluster, Checker checker, Story story)
{
    public async Task Check(Dice dice)
    {
        await Works(dice);
        await Owed();
        await Whole();
    }

    /// <summary>Every gateway lets a call through, holds one back until it is approved, and then runs it once.</summary>
    private async Task Works(Dice dice)
    {
        foreach (var place in cluster.Gateways)
        {
            if (cluster.Up(place) is not { } host)
            {
                checker.Violate(0, $"{cluster.NameOf(place)} does not come up");
                continue;
            }

            var read = await story.Send(host, Call.Read("erin", 1), 0, null, null);
            if (!read.Ran)
                checker.Violate(0, $"{host.Process.Name} answers {read} to a call that is allowed");
            var ask = Call.Refund("erin", 900 + place, 7);
            var held = await story.Send(host, ask, 0, null, null);
            if (held.Type != "approval-required")
                checker.Violate(0, $"{host.Process.Name} answers {held} to a call that needs approval");
            await story.Approves("carol", dice, twice: false, always: true);
            var ran = await story.Send(host, ask, 5, null, null);
            if (!ran.Ran)
                checker.Violate(0, $"{host.Process.Name} answers {ran} to a call that was approved");
        }
    }

    private async Task Owed()
    {
        await world.Pause(TimeSpan.FromSeconds(3));
        foreach (var host in cluster.Gateways.Select(cluster.Up).OfType<Host>())
            checker.JournalIsWhole(host.Process);
        var disk = cluster.Server.Disk;
        foreach (var source in await disk.ListOutboxSourcesAsync(CancellationToken.None))
            checker.Violate(0, $"messages of {source} are not delivered");
        foreach (var open in await disk.ListOpenExecutionsAsync("", CancellationToken.None))
            checker.Violate(0, $"{open.Id} of {open.Incarnation} has no outcome");
        var page = await disk.ListRequestsAsync(new RequestFilter { Status = RequestStatus.Pending }, limit: 100);
        if (page is PageReply<Wire.ApprovalRequestView>.Page { Items: var pending })
        {
            foreach (var request in pending.Where(r => r.ExpiresAt + TimeSpan.FromSeconds(10) < SimTime.TrueTime(world)))
                checker.Violate(0, $"{request.Id} is still pending");
        }

        if (cluster.Up(cluster.Silos[0]) is { } silo)
        {
            // One that entered and stopped before it opened a lease has a minute to open it, and is waited out and buried after that.
            var list = await Directory(silo);
            for (var looks = 0; looks < 75 && list.Entries.Length != cluster.Gateways.Count; looks++)
            {
                await world.Pause(TimeSpan.FromSeconds(1));
                list = await Directory(silo);
            }

            if (list.Entries.Length != cluster.Gateways.Count)
                checker.Violate(0, $"the directory has {list.Entries.Length} incarnations of {cluster.Gateways.Count} gateways");
        }
    }

    private static Task<GatewayList> Directory(Host silo) =>
        silo.Process.Call(() => silo.Get<IGrainFactory>().GetGrain<IGatewayDirectoryGrain>(IGatewayDirectoryGrain.Key).List());

    private async Task Whole()
    {
        if (cluster.Up(cluster.Silos[0]) is not { } silo)
        {
            checker.Violate(0, "no silo comes up");
            return;
        }

        var outcome = await silo.Process.Call(() => silo.Get<AuditVerifier>().VerifyAllAsync(null, _ => Task.CompletedTask, CancellationToken.None));
        foreach (var problem in outcome.Problems)
            checker.Violate(5, $"audit chain {problem.Source}: {problem.Problem}");
    }
}
