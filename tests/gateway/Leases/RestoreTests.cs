using JitGrains.GatewayTests.Support;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Principals;
using JitGrains.Silo.Revocation;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Leases;

/// <summary>What becomes of incarnations, journals and executions where the store was set back, or where nobody could be told.</summary>
public sealed class RestoreTests
{
    [Fact]
    public async Task What_an_older_copy_lists_of_a_process_that_lives_on_gets_its_outcome_and_goes()
    {
        await using var cluster = new LeaseCluster(new ManualTime());
        var node = await cluster.Join();
        var grant = await cluster.Grant(uses: 2);
        // The copy has an incarnation that the process had left since, and an execution whose outcome came later.
        var left = await cluster.JoinSilently(node.Process);
        var runs = node.Lease.Incarnation;
        foreach (var incarnation in new[] { left, runs })
            Assert.NotNull((await cluster.Grains.GetGrain<IPrincipalGrain>(grant.CallerKey).Consume(new ConsumeCommand($"ex_{incarnation[3..]}", grant.Id, incarnation, grant.Action, grant.Resource!, null, incarnation, grant.PolicyVersion))).Value);
        using var execution = node.Registry.Register(ExecutionTests.Alice, grant, drain: true);
        Assert.True(execution.TryStart());
        execution.Started();

        cluster.Epoch.Next();
        await Eventually.Get(async () => (await cluster.Directory.List()).Entries.All(e => e.Incarnation != left) ? "" : null);
        await cluster.Reaper.StartAsync(CancellationToken.None);
        await Eventually.Get(async () => (await cluster.ReadModel.GetExecutionAsync($"ex_{left[3..]}"))!.Outcome);
        await cluster.Reaper.StopAsync(CancellationToken.None);
        Assert.Equal(ExecutionStatus.Unknown, (await cluster.ReadModel.GetExecutionAsync($"ex_{left[3..]}"))!.Outcome!.Status);
        // What still runs stays listed, and is its gateway's to tell.
        Assert.Contains((await cluster.Directory.List()).Entries, e => e.Incarnation == runs);
        Assert.Null((await cluster.ReadModel.GetExecutionAsync($"ex_{runs[3..]}"))!.Outcome);
    }

    [Fact]
    public async Task Another_epoch_has_another_journal()
    {
        await using var cluster = new LeaseCluster();
        await cluster.Deliver();
        var node = await cluster.Join();
        var first = node.Lease.Incarnation;
        cluster.Epoch.Next();
        await Eventually.Holds(() => node.Lease.IsLive && node.Lease.Incarnation != first);
        Assert.Equal(1, (await cluster.Audit.GetHeadAsync($"gateway/{node.Process}.1")).Sequence);
        // Each is announced by the turn that began it: an older copy of the store has both or neither.
        await Eventually.Holds(() => cluster.Announced.Count == 2);
        Assert.Equal([$"gateway/{node.Process}", $"gateway/{node.Process}.1"], cluster.Announced.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task What_the_control_plane_began_has_its_time_and_is_cut_off_after_that()
    {
        var time = new ManualTime();
        await using var cluster = new LeaseCluster(time);
        var grant = await cluster.Grant(uses: 1);
        Assert.NotNull((await cluster.Grains.GetGrain<IPrincipalGrain>(grant.CallerKey).Consume(new ConsumeCommand("ex_1", grant.Id, ControlPlaneExecutions.Incarnation, grant.Action, grant.Resource!, null, "k", grant.PolicyVersion))).Value);
        await cluster.Reaper.StartAsync(CancellationToken.None);
        var outcome = (await cluster.ReadModel.GetExecutionAsync("ex_1"))!.Outcome;
        while (outcome is null)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            outcome = (await cluster.ReadModel.GetExecutionAsync("ex_1"))!.Outcome;
        }

        await cluster.Reaper.StopAsync(CancellationToken.None);
        Assert.Equal(ExecutionStatus.Unknown, outcome.Status);
        Assert.True(time.GetUtcNow() - new ManualTime().GetUtcNow() > ControlPlaneExecutions.Longest);
    }

    [Fact]
    public async Task Running_executions_are_looked_up_until_that_succeeds()
    {
        await using var cluster = new LeaseCluster();
        var node = await cluster.Join();
        var grant = await cluster.Grant();
        using var runs = node.Registry.Register(ExecutionTests.Alice, grant, drain: false);
        Assert.True(runs.TryStart());
        runs.Started();
        // Revoked where nobody tells this gateway.
        await cluster.Grains.GetGrain<IPrincipalGrain>(grant.CallerKey).Revoke(new RevokeCommand("rv_1", grant.Id, Sample.Bob, null));
        node.FailLookUps(2);
        cluster.Epoch.Next();
        await Eventually.Holds(() => runs.Token.IsCancellationRequested);
    }

    [Fact]
    public async Task Another_epoch_takes_everything_remembered_and_the_incarnation()
    {
        await using var cluster = new LeaseCluster();
        var node = await cluster.Join();
        var grant = await cluster.Grant();
        Assert.NotNull(await node.Run(grant));
        var first = node.Lease.Incarnation;
        var snapshot = await node.Views.Get(ExecutionTests.Alice);
        cluster.Epoch.Next();
        Assert.False(node.Lease.IsLive && node.Lease.Incarnation == first);
        Assert.False(snapshot.IsCurrent);
        await Eventually.Holds(() => node.Lease.IsLive && node.Lease.Incarnation != first);
    }
}
