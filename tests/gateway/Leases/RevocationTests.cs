using System.Diagnostics;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Leases;
using JitGrains.GatewayTests.Support;
using JitGrains.Gateway.Grants;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Principals;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Leases;

/// <summary>When a revocation has returned, nothing starts under the grant, at any gateway; each race many times.</summary>
public sealed class RevocationTests
{
    private static readonly RevocationOrder Order = new(Sample.Dave, null);

    [Fact]
    public async Task Nothing_starts_at_any_gateway_after_a_revocation_has_returned()
    {
        await using var cluster = new LeaseCluster();
        LeaseNode[] nodes = [await cluster.Join(), await cluster.Join(), await cluster.Join()];
        var started = 0;
        for (var round = 0; round < 100; round++)
        {
            var grant = await cluster.Grant();
            using var over = new CancellationTokenSource();
            var runs = nodes.Select(n => Task.Run(() => RunUntil(n, grant, over.Token))).ToArray();
            if (round % 2 == 0)
                await Eventually.Holds(() => nodes.All(n => n.Views.Count > 0));
            var result = (await cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None)).Value!;
            var returned = Stopwatch.GetTimestamp();
            foreach (var node in nodes)
                Assert.Null(await node.Run(grant));
            await over.CancelAsync();
            foreach (var starts in await Task.WhenAll(runs))
            {
                started += starts.Count;
                Assert.DoesNotContain(starts, at => at > returned);
            }

            Assert.Equal((3, 0), (result.GatewaysAcknowledged, result.GatewaysCondemned));
        }

        Assert.True(started > 0);
    }

    [Fact]
    public async Task A_gateway_that_joins_while_a_grant_is_revoked_does_not_start_under_it()
    {
        await using var cluster = new LeaseCluster();
        for (var round = 0; round < 50; round++)
        {
            var grant = await cluster.Grant();
            var joins = Task.Run(() => cluster.Join());
            var revokes = Task.Run(() => cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None));
            var node = await joins;
            Assert.NotNull((await revokes).Value);
            Assert.Null(await node.Run(grant));
            await node.Stop();
        }

        Assert.Empty((await cluster.Directory.List()).Entries);
    }

    [Fact]
    public async Task A_view_whose_reading_began_before_a_revocation_is_not_used_after_it()
    {
        await using var cluster = new LeaseCluster();
        var node = await cluster.Join();
        for (var round = 0; round < 300; round++)
        {
            var grant = await cluster.Grant();
            node.Views.Drop(grant.CallerKey);
            var reads = Task.Run(async () => await node.Views.Get(ExecutionTests.Alice));
            var revokes = Task.Run(() => cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None));
            await Task.WhenAll(reads, revokes);
            Assert.Null(await node.Run(grant));
            Assert.DoesNotContain((await node.Views.Get(ExecutionTests.Alice)).All(), g => g.Id == grant.Id);
        }
    }

    [Fact]
    public async Task A_gateway_that_never_answers_is_condemned_and_waited_out()
    {
        var time = new ManualTime();
        await using var cluster = new LeaseCluster(time);
        var good = await cluster.Join();
        var silent = await cluster.JoinSilently();
        var grant = await cluster.Grant();

        var revokes = cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None);
        // The good one has dropped it long before the revocation returns.
        await Eventually.Get(async () => await good.Run(grant) is null ? "" : null);
        TimeSpan condemnedFor = TimeSpan.Zero;
        while (!revokes.IsCompleted)
        {
            var condemned = (await cluster.Gateway(silent).Get()).Phase == LeasePhase.Condemned;
            time.Advance(TimeSpan.FromMilliseconds(50));
            // What was begun by this advance has its turn.
            await cluster.Directory.List();
            await Task.Yield();
            if (condemned)
                condemnedFor += TimeSpan.FromMilliseconds(50);
            else
                Assert.Equal(TimeSpan.Zero, condemnedFor);
        }

        var result = (await revokes).Value!;
        Assert.Equal((1, 1), (result.GatewaysAcknowledged, result.GatewaysCondemned));
        Assert.True(condemnedFor >= TimeSpan.FromSeconds(5.25), $"It was waited for {condemnedFor} only.");
        Assert.IsType<Refusal.LeaseOver>((await cluster.Gateway(silent).Renew(new RenewLease(0, []))).Refusal);

        // Whoever comes later waits for the rest only, which is nothing.
        var another = await cluster.Grant();
        var second = (await cluster.Revocation.RevokeGrantAsync(another.Id, Order, CancellationToken.None)).Value!;
        Assert.Equal((1, 0), (second.GatewaysAcknowledged, second.GatewaysCondemned));
    }

    [Fact]
    public async Task A_block_waits_out_allow_rules_too()
    {
        var time = new ManualTime();
        await using var cluster = new LeaseCluster(time);
        var silent = await cluster.JoinSilently();
        var blocks = cluster.Revocation.BlockAsync(Sample.Alice, Order, CancellationToken.None);
        var waited = TimeSpan.Zero;
        while (!blocks.IsCompleted)
        {
            var condemned = (await cluster.Gateway(silent).Get()).Phase == LeasePhase.Condemned;
            time.Advance(TimeSpan.FromMilliseconds(250));
            await cluster.Directory.List();
            if (condemned)
                waited += TimeSpan.FromMilliseconds(250);
        }

        Assert.Equal(1, (await blocks).Value!.GatewaysCondemned);
        Assert.True(waited >= TimeSpan.FromSeconds(36.75), $"It was waited for {waited} only.");
    }

    [Fact]
    public async Task A_block_that_waits_while_the_store_goes_back_is_not_answered_as_done()
    {
        var time = new ManualTime();
        await using var cluster = new LeaseCluster(time);
        var silent = await cluster.JoinSilently();
        var blocks = cluster.Revocation.BlockAsync(Sample.Alice, Order, CancellationToken.None);
        while ((await cluster.Gateway(silent).Get()).Phase != LeasePhase.Condemned)
        {
            time.Advance(TimeSpan.FromMilliseconds(250));
            await cluster.Directory.List();
        }

        cluster.Epoch.Next();
        while (!blocks.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1));
            await cluster.Directory.List();
        }

        await Assert.ThrowsAsync<StoreUnavailableException>(() => blocks);
    }

    [Fact]
    public async Task Of_condemning_and_renewing_at_once_no_renewal_succeeds_after_the_condemnation()
    {
        await using var cluster = new LeaseCluster();
        for (var round = 0; round < 200; round++)
        {
            var incarnation = await cluster.JoinSilently();
            var gateway = cluster.Gateway(incarnation);
            var renews = Task.Run(async () => (await gateway.Renew(new RenewLease(0, []))).Value);
            var condemns = Task.Run(() => gateway.Condemn(new CondemnGateway(LeaseEnds.Unacknowledged)));
            Assert.Equal(LeasePhase.Condemned, (await condemns).Value!.Phase);
            var renewed = await renews;
            Assert.True(renewed is null or { Phase: LeasePhase.Open });
            Assert.IsType<Refusal.LeaseOver>((await gateway.Renew(new RenewLease(0, []))).Refusal);
            Assert.IsType<Refusal.LeaseOver>((await gateway.Post(new GatewayMail("m", [new Invalidation.Everything()]))).Refusal);
        }
    }

    [Fact]
    public async Task A_lease_that_lapses_between_check_and_start_lets_nothing_start_and_comes_back_as_another_incarnation()
    {
        await using var cluster = new LeaseCluster();
        var clock = new HandClock();
        var node = await cluster.Join(clock, options: new GatewayOptions { LeaseRenewal = TimeSpan.FromMilliseconds(20) });
        for (var round = 0; round < 20; round++)
        {
            var grant = await cluster.Grant();
            Assert.NotNull(await Eventually.Get(async () => await node.Run(grant) is { } at ? (object)at : null));
            var first = node.Lease.Incarnation;
            var started = await node.Run(grant, () =>
            {
                // As if the process had been suspended here: one clock of the two shows it.
                clock.Move(round % 2 == 0 ? TimeSpan.FromSeconds(6) : TimeSpan.Zero, round % 2 == 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(6));
                return round % 3 == 0 ? Eventually.Holds(() => node.Lease.IsLive && node.Lease.Incarnation != first) : Task.CompletedTask;
            });
            Assert.Null(started);
            await Eventually.Holds(() => node.Lease.IsLive && node.Lease.Incarnation != first);
            Assert.NotNull(await node.Run(grant));
        }

        await Eventually.Get(async () => (await cluster.Directory.List()).Entries.Length == 1 ? "" : null);
    }

    [Fact]
    public async Task A_condemned_gateway_registers_anew_and_only_the_new_incarnation_is_told()
    {
        await using var cluster = new LeaseCluster();
        var node = await cluster.Join(options: new GatewayOptions { LeaseRenewal = TimeSpan.FromMilliseconds(20) });
        var first = node.Lease.Incarnation;
        await cluster.Gateway(first).Condemn(new CondemnGateway(LeaseEnds.Silent));
        await Eventually.Holds(() => node.Lease.IsLive && node.Lease.Incarnation != first);
        // It says so itself that nothing starts under the old one, so nobody has to wait that out.
        await Eventually.Get(async () => (await cluster.Gateway(first).Get()).Phase == LeasePhase.Closed ? "" : null);
        var grant = await cluster.Grant();
        var result = (await cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None)).Value!;
        Assert.Equal((1, 0), (result.GatewaysAcknowledged, result.GatewaysCondemned));
        Assert.Null(await node.Run(grant));
    }

    [Fact]
    public async Task A_gateway_that_cannot_apply_gives_its_lease_up_and_nobody_waits_it_out()
    {
        await using var cluster = new LeaseCluster();
        var stuck = new Stuck();
        var node = await cluster.Join(further: stuck, options: new GatewayOptions { LeaseRenewal = TimeSpan.FromMilliseconds(20) });
        var grant = await cluster.Grant();
        Assert.NotNull(await node.Run(grant));
        var first = node.Lease.Incarnation;

        stuck.IsStuck = true;
        var result = (await cluster.Revocation.RevokeGrantAsync(grant.Id, Order, CancellationToken.None)).Value!;

        Assert.Equal((0, 0), (result.GatewaysAcknowledged, result.GatewaysCondemned));
        Assert.Null(await node.Run(grant));
        await Eventually.Holds(() => node.Lease.IsLive && node.Lease.Incarnation != first);
        Assert.Null(await node.Run(grant));
    }

    [Fact]
    public async Task A_block_counts_where_a_store_that_went_back_gives_it_a_number_that_is_known()
    {
        await using var before = new LeaseCluster();
        await using var after = new LeaseCluster();
        var stores = new ReplacedStore { Grains = before.Grains };
        using var copy = new RestrictionsCopy(stores, (await before.Join()).Registry);
        await before.Revocation.BlockAsync(Sample.Bob, Order, CancellationToken.None);
        await copy.ApplyAsync(new Invalidation.Restrictions(1), CancellationToken.None);
        Assert.True(copy.Current.IsBlocked(ExecutionTests.Alice with { Principal = Sample.Bob }));

        // An older copy of the store, from before that block; the next one gets the same number, whether the gateway has read anew by then or not.
        await after.Revocation.BlockAsync(Sample.Alice, Order, CancellationToken.None);
        foreach (Invalidation told in (Invalidation[])[new Invalidation.Everything(), new Invalidation.Restrictions(1)])
        {
            stores.Grains = before.Grains;
            await copy.ApplyAsync(new Invalidation.Restrictions(1), CancellationToken.None);
            stores.Grains = after.Grains;
            await copy.ApplyAsync(told, CancellationToken.None);
            Assert.True(copy.Current.IsBlocked(ExecutionTests.Alice));
            Assert.False(copy.Current.IsBlocked(ExecutionTests.Alice with { Principal = Sample.Bob }));
        }
    }

    [Fact]
    public async Task A_blocked_principal_starts_nothing_until_it_is_unblocked()
    {
        await using var cluster = new LeaseCluster();
        LeaseNode[] nodes = [await cluster.Join(), await cluster.Join()];
        var grant = await cluster.Grant();
        Assert.NotNull(await nodes[0].Run(grant));
        Assert.Equal(2, (await cluster.Revocation.BlockAsync(Sample.Alice, Order, CancellationToken.None)).Value!.GatewaysAcknowledged);
        var agent = ExecutionTests.Alice with { Principal = Sample.Bob, Actors = [Sample.Alice] };
        foreach (var node in nodes)
        {
            Assert.Null(await node.Run(grant));
            Assert.True(node.Restrictions.Current.IsBlocked(agent));
            Assert.False(node.Restrictions.Current.IsBlocked(agent with { Actors = [] }));
        }

        // One that joins later knows it before it starts anything.
        Assert.Null(await (await cluster.Join()).Run(grant));
        Assert.Equal(Sample.Alice, Assert.Single(await cluster.Revocation.ListBlocksAsync(CancellationToken.None)).Principal);
        await cluster.Revocation.UnblockAsync(Sample.Alice, Order, CancellationToken.None);
        Assert.NotNull(await nodes[1].Run(grant));
    }

    [Fact]
    public async Task What_was_approved_by_then_is_revoked_by_what_it_has_in_common_and_what_comes_later_is_not()
    {
        await using var cluster = new LeaseCluster();
        var node = await cluster.Join();
        var grant = await cluster.Grant();
        var consumed = await cluster.Grant(uses: 1);
        Assert.NotNull(await node.Run(grant));
        var result = (await cluster.Revocation.RevokeMatchingAsync(new GrantSelector(SelectorKind.Action, grant.Action), Order, CancellationToken.None)).Value!;
        Assert.Equal([grant.Id, consumed.Id], result.GrantIds.AsEnumerable());
        Assert.Null(await node.Run(grant));
        Assert.Equal(GrantStatus.Revoked, (await cluster.ReadModel.GetGrantAsync(grant.Id))!.Status);
        cluster.Time.Advance(TimeSpan.FromSeconds(1));
        var later = await cluster.Grant();
        Assert.NotNull(await node.Run(later));
        Assert.Empty((await cluster.Revocation.RevokeMatchingAsync(new GrantSelector(SelectorKind.Api, "billing"), Order, CancellationToken.None)).Value!.GrantIds);
        Assert.NotNull(await node.Run(later));
    }

    [Fact]
    public async Task A_grant_still_on_its_way_is_caught_by_what_it_has_in_common()
    {
        await using var cluster = new LeaseCluster();
        var node = await cluster.Join();
        await cluster.Revocation.RevokeMatchingAsync(new GrantSelector(SelectorKind.Issuer, "dev"), Order, CancellationToken.None);
        // Approved at the very time of the revocation, and delivered after it.
        var late = await cluster.Grant();
        Assert.Null(await node.Run(late));
    }

    [Fact]
    public async Task What_a_dead_gateway_was_cut_off_in_becomes_unknown_once_it_is_waited_out()
    {
        var time = new ManualTime();
        await using var cluster = new LeaseCluster(time);
        var dead = await cluster.JoinSilently("gw_dead");
        var lapsed = await cluster.JoinSilently("gw_alive");
        var alive = await cluster.JoinSilently("gw_alive");
        await cluster.Gateway(lapsed).Close(new CloseLease(LeaseEnds.Succeeded));
        var grant = await cluster.Grant(uses: 2);
        foreach (var incarnation in new[] { dead, lapsed })
        {
            var taken = await cluster.Grains.GetGrain<IPrincipalGrain>(grant.CallerKey).Consume(new ConsumeCommand(
                $"ex_{incarnation[3..]}", grant.Id, incarnation, grant.Action, grant.Resource!, null, incarnation, grant.PolicyVersion));
            Assert.NotNull(taken.Value);
        }

        using var stop = new CancellationTokenSource();
        await cluster.Reaper.StartAsync(stop.Token);
        var known = 0L;
        while ((await cluster.Directory.List()).Entries.Any(e => e.Incarnation == dead))
        {
            known = (await cluster.Gateway(alive).Renew(new RenewLease(known, []))).Value!.Renewals;
            time.Advance(TimeSpan.FromMilliseconds(200));
        }

        await cluster.Reaper.StopAsync(CancellationToken.None);
        Assert.True(time.GetUtcNow() - new ManualTime().GetUtcNow() > TimeSpan.FromSeconds(5.25 + 36.75));
        Assert.Equal(ExecutionStatus.Unknown, (await cluster.ReadModel.GetExecutionAsync($"ex_{dead[3..]}"))!.Outcome!.Status);
        Assert.Equal(LeasePhase.Open, (await cluster.Gateway(alive).Get()).Phase);
        // Its process lives on under another incarnation and knows better.
        Assert.Null((await cluster.ReadModel.GetExecutionAsync($"ex_{lapsed[3..]}"))!.Outcome);
        Assert.Contains((await cluster.Directory.List()).Entries, e => e.Incarnation == lapsed);
    }

    [Fact]
    public async Task Where_one_process_owns_the_store_whoever_was_there_before_is_gone_at_once()
    {
        await using var cluster = new LeaseCluster(new ManualTime(), shared: false);
        var dead = await cluster.JoinSilently();
        var grant = await cluster.Grant(uses: 1);
        await cluster.Grains.GetGrain<IPrincipalGrain>(grant.CallerKey).Consume(new ConsumeCommand("ex_1", grant.Id, dead, grant.Action, grant.Resource!, null, "k", grant.PolicyVersion));
        await cluster.Reaper.StartAsync(CancellationToken.None);
        await Eventually.Get(async () => (await cluster.Directory.List()).Entries.IsEmpty ? "" : null);
        Assert.Equal(ExecutionStatus.Unknown, (await cluster.ReadModel.GetExecutionAsync("ex_1"))!.Outcome!.Status);
        await cluster.Reaper.StopAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_grant_approved_after_the_selector_that_is_revoked_all_the_same_is_told_to_gateways()
    {
        await using var cluster = new LeaseCluster();
        var news = new AtRestrictions();
        var node = await cluster.Join(further: news);
        Grant? later = null;
        // Approved once the selector is written, and used at this gateway before the list is read.
        news.Then = async () =>
        {
            cluster.Time.Advance(TimeSpan.FromSeconds(1));
            later = await cluster.Grant();
            Assert.NotNull(await node.Run(later));
        };
        var result = await cluster.Revocation.RevokeMatchingAsync(new GrantSelector(SelectorKind.Action, Sample.Grant().Action), new RevocationOrder(Sample.Bob, "all of it", false), CancellationToken.None);
        Assert.Contains(later!.Id, result.Value!.GrantIds);
        Assert.Null(await node.Run(later));
    }

    /// <summary>A store in whose place another one can come.</summary>
    private sealed class ReplacedStore : IGrainFactory
    {
        public required IGrainFactory Grains { get; set; }

        public TGrainInterface GetGrain<TGrainInterface>(string primaryKey) where TGrainInterface : IGrainWithStringKey => Grains.GetGrain<TGrainInterface>(primaryKey);
    }

    private sealed class AtRestrictions : IInvalidationTarget
    {
        public Func<Task> Then { get; set; } = () => Task.CompletedTask;

        public async ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
        {
            if (what is Invalidation.Restrictions)
                await Then();
        }
    }

    private static async Task<List<long>> RunUntil(LeaseNode node, Grant grant, CancellationToken over)
    {
        var starts = new List<long>();
        while (!over.IsCancellationRequested)
        {
            if (await node.Run(grant) is { } at)
                starts.Add(at);
            await Task.Yield();
        }

        return starts;
    }

    /// <summary>A part of a gateway that stands still.</summary>
    private sealed class Stuck : IInvalidationTarget
    {
        public volatile bool IsStuck;

        public async ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
        {
            if (!IsStuck || what is Invalidation.Everything)
                return;
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }
    }
}
