using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Principals;

namespace JitGrains.GrainTests;

/// <summary>Races, each tried many times. Who wins is open; that there is one winner, and what that implies, is not.</summary>
public sealed class RaceTests
{
    private const int Rounds = GrainTests.Stores.Rounds;
    private const int ManyRounds = 500;

    public static TheoryData<string> Stores => GrainTests.Stores.All;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Two_approvers_at_once_both_count_and_make_one_grant(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var terms = Sample.Terms(Sample.Stage(2));
        await EachAsync(host, async n =>
        {
            var ask = AskOf(n) with { Terms = terms };
            await host.AskAsync(ask);
            var replies = await AtOnce(
                () => host.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve),
                () => host.VoteAsync(ask.RequestId, Sample.Carol, VoteDecision.Approve));
            Assert.All(replies, r => Assert.Null(r.Refusal));
        });
        await host.SettleAsync();
        var audit = await host.VerifiedAuditAsync();
        Assert.Equal(2 * Rounds, audit.Count(e => Is(e, AuditTypes.VoteCast)));
        Assert.Equal(Rounds, audit.Count(e => Is(e, AuditTypes.GrantIssued)));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Approve_against_deny_is_decided_once(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        await EachAsync(host, async n =>
        {
            var ask = AskOf(n);
            await host.AskAsync(ask);
            var replies = await AtOnce(InTurn(
                n,
                () => host.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve),
                () => host.VoteAsync(ask.RequestId, Sample.Carol, VoteDecision.Deny)));
            Assert.Single(replies, r => r.Refusal is Refusal.AlreadyDecided);
        });
        await AssertDecidedOnceAsync(host, RequestStatus.Approved, RequestStatus.Denied);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Approve_against_cancel_is_decided_once(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        await EachAsync(host, async n =>
        {
            var ask = AskOf(n);
            await host.AskAsync(ask);
            var replies = await AtOnce(InTurn(
                n,
                () => host.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve),
                () => host.Request(ask.RequestId).Cancel(new CancelCommand(ask.Principal, ask.CallerKey, Operator: false))));
            Assert.Single(replies, r => r.Refusal is Refusal.AlreadyDecided);
        });
        await AssertDecidedOnceAsync(host, RequestStatus.Approved, RequestStatus.Cancelled);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Approve_against_expiry_is_decided_once(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        for (var n = 0; n < Rounds / 10; n++)
        {
            // Ten at a time: the clock is everybody's.
            var asks = Enumerable.Range(n * 10, 10).Select(AskOf).ToArray();
            foreach (var ask in asks)
                await host.AskAsync(ask);
            host.Time.Advance(TimeSpan.FromMinutes(30) - TimeSpan.FromTicks(1));
            var votes = asks.Select(a => Task.Run(() => host.VoteAsync(a.RequestId, Sample.Bob, VoteDecision.Approve))).ToArray();
            host.Time.Advance(TimeSpan.FromTicks(1));
            await Task.WhenAll(votes);
            await host.SettleAsync();
        }

        await AssertDecidedOnceAsync(host, RequestStatus.Approved, RequestStatus.Expired, needBoth: false);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Two_first_calls_of_the_same_thing_are_one_request(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        await EachAsync(host, async n =>
        {
            var replies = await AtOnce(
                () => host.Principal(AskOf(n).CallerKey).Ask(new AskCommand(AskOf(n), null)),
                () => host.Principal(AskOf(n).CallerKey).Ask(new AskCommand(AskOf(n) with { RequestId = Sample.RequestId(Rounds + n) }, null)));
            Assert.Equal(replies[0].Value!.RequestId, replies[1].Value!.RequestId);
            Assert.Single(replies, r => r.Value!.Raised);
        });
        await host.SettleAsync();
        Assert.Equal(Rounds, (await host.VerifiedAuditAsync()).Count(e => Is(e, AuditTypes.RequestRaised)));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Twenty_retries_of_one_approved_call_run_once(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        await EachAsync(
            host,
            async n =>
            {
                var grant = await host.GrantAsync(AskOf(n));
                var replies = await AtOnce([.. Enumerable.Range(0, 20).Select(i => (Func<Task<Reply<ExecutionRecord>>>)(() => host.ConsumeAsync(grant, $"ex_{n}_{i}")))]);
                var ran = Assert.Single(replies, r => r.Value is not null).Value!;
                Assert.All(replies.Where(r => r.Value is null), r => Assert.Equal(ran.Id, Assert.IsType<Refusal.AlreadyUsed>(r.Refusal).LastExecution!.Id));
            },
            Rounds / 5);
        Assert.Equal(Rounds / 5, (await host.VerifiedAuditAsync()).Count(e => Is(e, AuditTypes.GrantConsumed)));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Uses_never_exceed_the_grants_and_a_repeated_attempt_counts_once(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var grant = await host.GrantAsync(AskOf(1) with { Uses = 50, Terms = Sample.Terms() with { MaxUses = 50 } });
        var replies = await AtOnce([.. Enumerable.Range(0, 200).Select(i => (Func<Task<Reply<ExecutionRecord>>>)(() => host.ConsumeAsync(grant, $"ex_{i % 100}")))]);
        Assert.Equal(50, replies.Where(r => r.Value is not null).Select(r => r.Value!.Id).Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(50, (await host.VerifiedAuditAsync()).Count(e => Is(e, AuditTypes.GrantConsumed)));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Revoke_against_consume_never_lets_a_use_start_after_it_returned(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var consumed = 0;
        await EachAsync(host, async n =>
        {
            var grant = await host.GrantAsync(AskOf(n) with { Uses = null, Terms = Sample.Terms() with { MaxUses = null, DefaultUses = null } });
            var revoked = Task.Run(() => host.Revocation.RevokeGrantAsync(grant.Id, new(Sample.Bob, null), CancellationToken.None));
            var during = Task.Run(() => host.ConsumeAsync(grant, $"ex_{n}_during"));
            Assert.Equal(grant.Id, Assert.Single((await revoked).Value!.GrantIds));
            Assert.Equal(new Refusal.GrantNotActive(GrantStatus.Revoked), (await host.ConsumeAsync(grant, $"ex_{n}_after")).Refusal);
            if ((await during).Value is not null)
                Interlocked.Increment(ref consumed);
        });
        var audit = await host.VerifiedAuditAsync();
        Assert.Equal(Rounds, audit.Count(e => Is(e, AuditTypes.GrantRevoked)));
        Assert.Equal(consumed, audit.Count(e => Is(e, AuditTypes.GrantConsumed)));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Revoking_a_principal_against_an_approval_under_way_leaves_no_earlier_grant(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        await EachAsync(
            host,
            async n =>
            {
                var ask = AskOf(n);
                await host.AskAsync(ask);
                await AtOnce<object?>(
                    async () => await host.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve),
                    async () => await host.Revocation.RevokePrincipalAsync(ask.Principal, new(Sample.Bob, null), CancellationToken.None));
                await host.SettleAsync();
                // Time stands still, so every approval so far was no later than the revocation.
                if ((await host.Revocation.RevokePrincipalAsync(ask.Principal, new(Sample.Bob, null), CancellationToken.None)).GrantIds.Length > 0)
                    Assert.Equal(RequestStatus.Approved, (await host.Request(ask.RequestId).Get()).Value!.Status);
                Assert.Empty((await host.Principal(ask.CallerKey).GetView()).Grants);
            },
            Rounds / 5);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Whoever_is_woken_by_an_approval_and_reads_finds_its_grant(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        // While observers are still being told, another process, or the search of a shared store that comes every two seconds, may
        // deliver what follows from the grant and wake whoever waits: they may not have heard of it then, but it is there to be read.
        host.Observer.IsSlow = true;
        await EachAsync(
            host,
            async n =>
            {
                var ask = AskOf(n) with { Terms = Sample.Terms() with { Automatic = true } };
                using var held = host.Decisions.Subscribe(ask.RequestId);
                await host.Principal(ask.CallerKey).Ask(new AskCommand(ask, null));
                host.Time.Advance(TimeSpan.FromSeconds(2));
                await held.Ended;
                Assert.Contains((await host.Principal(ask.CallerKey).GetView()).Grants, g => g.Grant.RequestId == ask.RequestId);
            },
            Rounds / 10);
    }

    /// <summary>Every ask is of a principal of its own, so that limits and other rounds do not meddle.</summary>
    private static Ask AskOf(int n) => Sample.Ask(n) with { Principal = Sample.Person($"alice{n}"), Terms = Sample.Terms() };

    private static bool Is(AuditEntry entry, string type) => entry.Body.Contains($"\"type\":\"{type}\"", StringComparison.Ordinal);

    /// <summary>
    /// Rounds, eight at a time. A delivery that failed (on a machine that stood still for longer than the database's time limits) is tried
    /// again by the host's clock: so that goes on, a little, where the rounds do not set it themselves.
    /// </summary>
    private static async Task EachAsync(GrainHost host, Func<int, Task> round, int rounds = Rounds)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
        var clock = Task.Run(async () =>
        {
            while (await pause.WaitForNextTickAsync())
                host.Time.Advance(TimeSpan.FromMilliseconds(100));
        });
        await Parallel.ForEachAsync(Enumerable.Range(0, rounds), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (n, _) => await round(n));
        pause.Dispose();
        await clock;
    }

    /// <summary>Every other round starts them the other way round, so that each gets to be first.</summary>
    private static Func<Task<T>>[] InTurn<T>(int round, Func<Task<T>> one, Func<Task<T>> other) =>
        round % 2 == 0 ? [one, other] : [other, one];

    private static async Task<T[]> AtOnce<T>(params Func<Task<T>>[] actions)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var tasks = actions.Select(a => Task.Run(async () =>
        {
            await start.Task;
            return await a();
        })).ToArray();
        start.SetResult();
        return await Task.WhenAll(tasks);
    }

    private static async Task AssertDecidedOnceAsync(GrainHost host, RequestStatus one, RequestStatus other, bool needBoth = true)
    {
        await host.SettleAsync();
        var audit = await host.VerifiedAuditAsync();
        string[] decisions = [AuditTypes.RequestApproved, AuditTypes.RequestDenied, AuditTypes.RequestCancelled, AuditTypes.RequestExpired, AuditTypes.RequestFailed];
        Assert.Equal(Rounds, audit.Count(e => decisions.Any(d => Is(e, d))));
        var seen = new List<RequestStatus>();
        for (var n = 0; n < Rounds; n++)
        {
            var view = (await host.Request(Sample.RequestId(n)).Get()).Value!;
            seen.Add(view.Status);
            Assert.Contains(view.Status, new[] { one, other });
            Assert.Equal(view.Status, (await host.ReadModel.GetRequestAsync(view.Id))!.Status);
            Assert.Equal(view.Status == RequestStatus.Approved, await host.ReadModel.GetGrantByRequestAsync(view.Id) is not null);
        }

        Assert.Equal(seen.Count(s => s == RequestStatus.Approved), audit.Count(e => Is(e, AuditTypes.GrantIssued)));
        // In a few rounds the shorter way may win each; in many, one that always won would be no race.
        if (needBoth && Rounds >= ManyRounds)
            Assert.Equal(2, seen.Distinct().Count());
    }
}
