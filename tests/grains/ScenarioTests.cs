using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;

namespace JitGrains.GrainTests;

/// <summary>Whole stories over all grains: what each must look like from outside, on every engine and store.</summary>
public sealed class ScenarioTests
{
    public static TheoryData<string> Stores => GrainTests.Stores.All;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_call_is_asked_for_approved_and_run_once(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var ask = Sample.Ask();
        using var held = host.Decisions.Subscribe(ask.RequestId);
        await host.AskAsync(ask);
        Assert.False(held.Ended.IsCompleted);
        Assert.Equal(RequestStatus.Pending, (await host.ReadModel.GetRequestAsync(ask.RequestId))!.Status);

        await host.VoteAsync(ask.RequestId, Sample.Bob, VoteDecision.Approve);
        await held.Ended.WaitAsync(TimeSpan.FromMinutes(2));
        // Whoever was woken finds the grant: approved shows only once it exists.
        var shown = (await host.ReadModel.GetRequestAsync(ask.RequestId))!;
        Assert.Equal(RequestStatus.Approved, shown.Status);
        var grant = Assert.Single((await host.Principal(ask.CallerKey).GetView()).Grants).Grant;
        Assert.Equal(grant.Id, shown.GrantId);

        var execution = (await host.ConsumeAsync(grant, "ex_1")).Value!;
        await host.SettleAsync();
        Assert.Single(await host.ReadModel.ListOpenExecutionsAsync("gw_2"));
        Assert.Empty(await host.ReadModel.ListOpenExecutionsAsync("gw_1"));
        var outcome = new ExecutionOutcome(ExecutionStatus.Completed, 201, null, execution.StartedAt, host.Time.GetUtcNow(), 12, 34);
        await host.Principal(ask.CallerKey).RecordOutcome(new OutcomeCommand("ex_1", outcome));
        await host.SettleAsync();
        Assert.Equal(outcome, (await host.ReadModel.GetExecutionAsync("ex_1"))!.Outcome);
        Assert.Empty(await host.ReadModel.ListOpenExecutionsAsync("gw_2"));
        Assert.Equal(GrantStatus.Consumed, (await host.ReadModel.GetGrantAsync(grant.Id))!.Status);

        await host.SettleAsync();
        var types = (await host.VerifiedAuditAsync()).Select(e => System.Text.Json.Nodes.JsonNode.Parse(e.Body)!["type"]!.GetValue<string>());
        Assert.Equal(
            new[]
            {
                AuditTypes.ChainOpened, AuditTypes.ChainOpened, AuditTypes.ExecutionOutcome, AuditTypes.GrantConsumed, AuditTypes.GrantIssued,
                AuditTypes.RequestApproved, AuditTypes.RequestRaised, AuditTypes.VoteCast,
            },
            types.Order(StringComparer.Ordinal));
        Assert.Equal(["request.decided", "request.raised"], host.Notified.All.Select(n => n.Type).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_denied_ask_waits_and_then_may_be_made_again(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        await host.AskAsync(Sample.Ask(1));
        await host.VoteAsync(Sample.RequestId(1), Sample.Bob, VoteDecision.Deny);
        await host.SettleAsync();
        Assert.IsType<Refusal.CoolingDown>((await host.Principal(Sample.Alice.Value).Ask(new AskCommand(Sample.Ask(2), null))).Refusal);
        host.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.True((await host.Principal(Sample.Alice.Value).Ask(new AskCommand(Sample.Ask(2), null))).Value!.Raised);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Reminders_expire_what_nobody_touches(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var unused = await host.GrantAsync(Sample.Ask(1));
        await host.AskAsync(Sample.Ask(2, resource: "order=43"));
        host.Time.Advance(TimeSpan.FromHours(2));
        await host.RemindAsync(host.Principal(unused.CallerKey));
        await host.RemindAsync(host.Request(Sample.RequestId(2)));
        await EventuallyAsync(async () =>
            (await host.ReadModel.GetGrantAsync(unused.Id))!.Status == GrantStatus.Expired
            && (await host.ReadModel.GetRequestAsync(Sample.RequestId(2)))!.Status == RequestStatus.Expired);
        await host.SettleAsync();
        var audit = await host.VerifiedAuditAsync();
        Assert.Contains(audit, e => e.Body.Contains(AuditTypes.GrantExpired, StringComparison.Ordinal));
        Assert.Contains(audit, e => e.Body.Contains(AuditTypes.RequestExpired, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_grant_of_an_agent_is_no_grant_of_the_person_it_acts_for(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var agent = new Identity.PrincipalId("dev:agent:triage");
        var grant = await host.GrantAsync(Sample.Ask() with { Actors = [agent] });
        Assert.Empty((await host.Principal(Sample.Alice.Value).GetView()).Grants);
        Assert.IsType<Refusal.NotFound>((await host.ConsumeAsync(grant with { Actors = [] }, "ex_1")).Refusal);
        // Taking everything away from the person takes it from whoever acts for them, too.
        Assert.Equal(grant.Id, Assert.Single((await host.Revocation.RevokePrincipalAsync(Sample.Alice, new(Sample.Bob, null), CancellationToken.None)).GrantIds));
        Assert.IsType<Refusal.GrantNotActive>((await host.ConsumeAsync(grant, "ex_2")).Refusal);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_clock_that_is_set_back_after_the_approval_does_not_keep_a_grant_from_its_use(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        var grant = await host.GrantAsync(Sample.Ask());
        host.Time.Step(TimeSpan.FromSeconds(-30));
        Assert.Single((await host.Principal(grant.CallerKey).GetView()).Grants);
        Assert.NotNull((await host.ConsumeAsync(grant, "ex_1")).Value);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_is_approved_by_rule_needs_no_vote(string store)
    {
        await using var host = await GrainHost.StartAsync(store);
        await host.AskAsync(Sample.Ask(terms: Sample.Terms() with { Automatic = true }));
        Assert.True(Assert.Single((await host.Principal(Sample.Alice.Value).GetView()).Grants).Grant.Automatic);
    }

    /// <summary>Waits for what a background service does of its own accord, without a clock: yields until it is so.</summary>
    private static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; i < 100_000; i++)
        {
            if (await condition())
                return;
            await Task.Yield();
        }

        Assert.Fail("it never became so");
    }
}
