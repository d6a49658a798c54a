using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Json;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Shell;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Principals;

public sealed class PrincipalMachineTests
{
    private readonly PrincipalMachine machine = new();
    private readonly List<OutboxMessage> sent = [];
    private readonly List<AuditDraft> recorded = [];
    private PrincipalState state = new();

    private DateTimeOffset now = Start;

    [Fact]
    public void The_same_ask_is_raised_once_and_re_joined()
    {
        var first = Raise(Ask(1));
        var second = Raise(Ask(2));
        Assert.True(first.Value!.Raised);
        Assert.False(second.Value!.Raised);
        Assert.Equal(first.Value.RequestId, second.Value.RequestId);
        Assert.Single(sent.OfType<OutboxMessage.RaiseRequest>());
    }

    [Fact]
    public void A_named_request_is_joined_or_refused_and_never_raised()
    {
        Assert.IsType<Refusal.RequestMismatch>(Raise(Ask(2), join: RequestId(1)).Refusal);
        Raise(Ask(1));
        Assert.Equal(RequestId(1), Raise(Ask(2), join: RequestId(1)).Value!.RequestId);
        Assert.IsType<Refusal.RequestMismatch>(Raise(Ask(3, resource: "order=43"), join: RequestId(1)).Refusal);
        Assert.Single(sent.OfType<OutboxMessage.RaiseRequest>());
    }

    [Fact]
    public void Only_a_callers_own_open_ask_is_taken_back_and_its_request_is_told_once()
    {
        Raise(Ask(1));
        Assert.IsType<Refusal.NotFound>(Run(PrincipalMachine.Decide(state, new CancelRequestCommand(RequestId(2), Alice), now)).Refusal);
        Assert.NotNull(Run(PrincipalMachine.Decide(state, new CancelRequestCommand(RequestId(1), Alice), now)).Value);
        Assert.NotNull(Run(PrincipalMachine.Decide(state, new CancelRequestCommand(RequestId(1), Alice), now)).Value);
        Assert.Equal(new OutboxMessage.CancelRequest(RequestId(1), Alice), Assert.Single(sent.OfType<OutboxMessage.CancelRequest>()));
    }

    [Fact]
    public void What_was_approved_or_has_lapsed_is_not_taken_back()
    {
        Raise(Ask(1));
        var lapsed = PrincipalMachine.Decide(state, new CancelRequestCommand(RequestId(1), Alice), now + TimeSpan.FromHours(1));
        Assert.IsType<Refusal.NotFound>(lapsed.Reply.Refusal);
        Issue(Grant());
        Assert.NotNull(Run(PrincipalMachine.Decide(state, new CancelRequestCommand(RequestId(1), Alice), now)).Value);
        Assert.Empty(sent.OfType<OutboxMessage.CancelRequest>());
    }

    [Fact]
    public void Pending_requests_are_limited_and_decided_ones_make_room()
    {
        for (var i = 0; i < PrincipalMachine.MaxPending; i++)
            Assert.NotNull(Raise(Ask(i, resource: $"order={i}")).Value);
        Assert.Equal(new Refusal.TooManyPending(PrincipalMachine.MaxPending), Raise(Ask(100, resource: "order=100")).Refusal);
        Run(PrincipalMachine.Decide(state, Closed(0, null, "order=0"), now));
        Assert.NotNull(Raise(Ask(100, resource: "order=100")).Value);
        Assert.NotNull(Raise(Ask(7, resource: "order=7")).Value);
        now += TimeSpan.FromMinutes(30);
        Assert.NotNull(Raise(Ask(101, resource: "order=101")).Value);
    }

    [Fact]
    public void After_a_denial_the_same_subject_waits_and_another_does_not()
    {
        Raise(Ask(1));
        Run(PrincipalMachine.Decide(state, Closed(1, now + TimeSpan.FromMinutes(10)), now));
        Assert.IsType<Refusal.CoolingDown>(Raise(Ask(2)).Refusal);
        Assert.NotNull(Raise(Ask(3, resource: "order=43")).Value);
        now += TimeSpan.FromMinutes(10);
        Assert.True(Raise(Ask(4)).Value!.Raised);
    }

    [Fact]
    public void A_use_is_taken_once_and_the_grant_is_over_with_its_last()
    {
        Raise(Ask(1));
        Issue(Grant());
        var first = Consume("ex_1");
        Assert.NotNull(first.Value);
        Assert.Equal("ex_1", Assert.IsType<Refusal.AlreadyUsed>(Consume("ex_2").Refusal).LastExecution!.Id);
        Assert.Equal(GrantStatus.Consumed, state.Grants[Grant().Id].Status);
        Assert.Empty(PrincipalMachine.View(state, now).Grants);
        Assert.Single(recorded, r => r.Type == AuditTypes.GrantConsumed);
        // The same call again is a new ask, and approvers are told that it ran a moment ago.
        Assert.True(Raise(Ask(2)).Value!.Raised);
        Assert.True(sent.OfType<OutboxMessage.RaiseRequest>().Last().Ask.RecentlyExecuted);
    }

    [Fact]
    public void The_minter_of_an_execution_may_ask_again_and_nobody_else()
    {
        Issue(Grant(uses: 2));
        var first = Consume("ex_1").Value;
        Assert.Equal(first, Consume("ex_1").Value);
        Assert.Equal(1, state.Grants[Grant().Id].UsesLeft);
        Assert.NotNull(Consume("ex_2").Value);
        Assert.NotNull(Consume("ex_1").Value);
        Assert.IsType<Refusal.AlreadyUsed>(Consume("ex_3").Refusal);
        Finish("ex_2");
        Assert.IsType<Refusal.AlreadyUsed>(Consume("ex_2").Refusal);
    }

    public static TheoryData<string, Func<ConsumeCommand, ConsumeCommand>> Uncovered => new()
    {
        { "another action", c => c with { Action = "orders.delete" } },
        { "another resource", c => c with { Resource = "order=43" } },
        { "another payload", c => c with { PayloadDigest = "digest of order=43" } },
        { "no payload", c => c with { PayloadDigest = null } },
    };

    [Theory]
    [MemberData(nameof(Uncovered))]
    public void A_grant_covers_what_it_is_bound_to_and_nothing_else(string name, Func<ConsumeCommand, ConsumeCommand> change)
    {
        Assert.NotEmpty(name);
        Issue(Grant());
        Assert.IsType<Refusal.GrantDoesNotCover>(Run(PrincipalMachine.Decide(state, change(Use("ex_1")), Alice.Value, now)).Refusal);
        Assert.Equal(1, state.Grants[Grant().Id].UsesLeft);
    }

    [Fact]
    public void Nothing_starts_from_the_expiry_on_whether_or_not_a_reminder_came()
    {
        Issue(Grant());
        now += TimeSpan.FromMinutes(10) - TimeSpan.FromTicks(1);
        Assert.Single(PrincipalMachine.View(state, now).Grants);
        now += TimeSpan.FromTicks(1);
        Assert.Empty(PrincipalMachine.View(state, now).Grants);
        Assert.Equal(new Refusal.GrantNotActive(GrantStatus.Expired), Consume("ex_1").Refusal);
        Assert.Equal(GrantStatus.Expired, state.Grants[Grant().Id].Status);
        Assert.Single(recorded, r => r.Type == AuditTypes.GrantExpired);
    }

    [Fact]
    public void Nothing_starts_before_the_window()
    {
        Issue(Grant(notBefore: Start + TimeSpan.FromMinutes(1)));
        Assert.IsType<Refusal.GrantNotActive>(Consume("ex_1").Refusal);
    }

    [Fact]
    public void Nothing_starts_after_a_revocation_and_a_second_one_changes_nothing()
    {
        Issue(Grant(uses: null));
        Assert.Equal(Grant().Id, Assert.Single(Revoke(Grant().Id).Value!.GrantIds));
        Assert.Equal(new Refusal.GrantNotActive(GrantStatus.Revoked), Consume("ex_1").Refusal);
        var before = state;
        Assert.Empty(Revoke(Grant().Id).Value!.GrantIds);
        Assert.Same(before, state);
        Assert.IsType<Refusal.NotFound>(Revoke("gr_other").Refusal);
    }

    [Fact]
    public void Revoking_all_names_a_used_up_grant_whose_last_use_may_not_have_started()
    {
        var grant = Grant();
        Issue(grant);
        Consume("ex_1");
        var ended = Revoke(null).Value!;
        Assert.Empty(ended.GrantIds);
        Assert.Equal(grant.Id, Assert.Single(ended.Others));
    }

    [Fact]
    public void Revoking_all_a_second_time_names_what_the_first_ended()
    {
        var grant = Grant();
        Issue(grant);
        Assert.Empty(Revoke(null).Value!.Others);
        Assert.Equal(grant.Id, Assert.Single(Revoke(null).Value!.Others));
    }

    [Fact]
    public void Revoking_all_also_stops_a_grant_that_is_still_on_its_way()
    {
        Issue(Grant(1));
        Issue(Grant(2, resource: "order=43"));
        now += TimeSpan.FromMinutes(1);
        Assert.Equal(2, Revoke(null).Value!.GrantIds.Length);
        Issue(Grant(3, resource: "order=44", notBefore: Start));
        Assert.Equal("revoked", Assert.Single(sent.OfType<OutboxMessage.FailGrant>()).Because);
        now += TimeSpan.FromMinutes(1);
        Issue(Grant(4, resource: "order=45", notBefore: now));
        Assert.Single(PrincipalMachine.View(state, now).Grants);
    }

    [Fact]
    public void An_approval_delivered_again_does_not_bring_a_used_grant_back()
    {
        Issue(Grant());
        Consume("ex_1");
        Finish("ex_1");
        Issue(Grant());
        now += PrincipalMachine.Linger + TimeSpan.FromSeconds(1);
        Tick();
        Assert.Empty(state.Grants);
        Issue(Grant());
        Assert.Empty(PrincipalMachine.View(state, now).Grants);
        now = Grant().ExpiresAt + TimeSpan.FromMinutes(11);
        Tick();
        Issue(Grant());
        Assert.Empty(PrincipalMachine.View(state, now).Grants);
        Assert.Empty(state.Gone);
    }

    [Fact]
    public void An_outcome_is_recorded_once_and_the_first_one_stays()
    {
        Issue(Grant());
        Consume("ex_1");
        Finish("ex_1", ExecutionStatus.Completed);
        Finish("ex_1", ExecutionStatus.Unknown);
        Finish("ex_of_nobody");
        Assert.Equal(ExecutionStatus.Completed, state.Grants[Grant().Id].Last!.Outcome!.Status);
        Assert.Single(recorded, r => r.Type == AuditTypes.ExecutionOutcome);
    }

    [Fact]
    public void A_grant_with_a_running_execution_is_kept_until_its_outcome()
    {
        Issue(Grant());
        Consume("ex_1");
        now += TimeSpan.FromHours(5);
        Tick();
        Assert.Single(state.Grants);
        Finish("ex_1");
        Tick();
        Assert.Empty(state.Grants);
    }

    [Fact]
    public void Everything_is_forgotten_in_the_end_and_nothing_is_due_then()
    {
        Raise(Ask(1));
        Issue(Grant());
        Consume("ex_1");
        Finish("ex_1");
        Raise(Ask(2));
        Run(PrincipalMachine.Decide(state, Closed(2, now + TimeSpan.FromMinutes(10)), now));
        for (var i = 0; machine.NextDue(state) is { } due; i++)
        {
            Assert.True(i < 20, "it never ends");
            now = due;
            Tick();
        }

        Assert.Empty(state.Asks);
        Assert.Empty(state.Grants);
        Assert.Empty(state.Gone);
        Assert.Empty(state.CoolDowns);
        Assert.Empty(state.LastUses);
    }

    [Fact]
    public void The_view_changes_its_version_with_the_set_of_grants_and_not_with_a_use()
    {
        Issue(Grant(uses: 5));
        var version = PrincipalMachine.View(state, now).Version;
        Consume("ex_1");
        Assert.Equal(version, PrincipalMachine.View(state, now).Version);
        var ended = Revoke(Grant().Id).Value!;
        Assert.Equal(ended.Version, PrincipalMachine.View(state, now).Version);
        Assert.True(ended.Version > version);
    }

    [Fact]
    public void State_survives_its_json_with_fields_of_a_later_version()
    {
        Raise(Ask(1));
        Issue(Grant(uses: 3));
        Consume("ex_1");
        var json = JsonSerializer.SerializeToNode(new GrainDocument<PrincipalState> { State = state }, JitJson.Options)!;
        json["of_the_future"] = 1;
        json["state"]!["of_the_future"] = "two";
        json["state"]!["grants"]![Grant().Id]!["of_the_future"] = true;
        var back = JsonSerializer.Deserialize<GrainDocument<PrincipalState>>(json, JitJson.Options)!;
        var again = JsonSerializer.SerializeToNode(back, JitJson.Options)!;
        Assert.Equal(CanonicalJson.Serialize(json), CanonicalJson.Serialize(again));
    }

    private static RequestClosed Closed(int n, DateTimeOffset? coolDownUntil, string resource = "order=42") =>
        new(RequestId(n), coolDownUntil is null ? RequestStatus.Cancelled : RequestStatus.Denied, "orders.refund", resource, coolDownUntil);

    private static ConsumeCommand Use(string execution, string resource = "order=42") => new(
        execution, Grant().Id, "gw_1", "orders.refund", resource, $"digest of {resource}", $"rejoin {resource}", "sha256-0123456789abcdef");

    private Reply<AskAccepted> Raise(Ask ask, string? join = null) => Run(PrincipalMachine.Decide(state, new AskCommand(ask, join), now));

    [Theory]
    [InlineData(2)]
    [InlineData(1)]
    public void Outcomes_that_come_with_a_use_are_recorded_whatever_becomes_of_it(int uses)
    {
        Issue(Grant(uses: uses));
        var first = Consume("ex_1").Value!;
        var outcome = new ExecutionOutcome(ExecutionStatus.Completed, 200, null, first.StartedAt, first.StartedAt, 1, 2);
        sent.Clear();
        recorded.Clear();

        var along = Use("ex_2") with { Outcomes = [new OutcomeCommand("ex_1", outcome), new OutcomeCommand("ex_of_nobody", outcome)] };
        var second = Run(PrincipalMachine.Decide(state, along, Alice.Value, now));

        Assert.Equal(uses == 2, second.Value is not null);
        if (uses == 1)
            Assert.Equal(outcome, Assert.IsType<Refusal.AlreadyUsed>(second.Refusal).LastExecution!.Outcome);
        Assert.Equal(uses == 2 ? ["ex_2"] : [], state.Grants[Grant().Id].Open.Keys);
        Assert.Equal(outcome, sent.OfType<OutboxMessage.ShowExecution>().Single(s => s.Execution.Id == "ex_1").Execution.Outcome);
        Assert.Equal(uses == 2 ? [AuditTypes.ExecutionOutcome, AuditTypes.GrantConsumed] : [AuditTypes.ExecutionOutcome], recorded.Select(r => r.Type));

        // Once more, as where the first answer was lost: the first outcome stays, and nothing is taken twice.
        recorded.Clear();
        var again = Run(PrincipalMachine.Decide(state, along with { Outcomes = [new OutcomeCommand("ex_1", outcome with { HttpStatus = 500 })] }, Alice.Value, now));
        Assert.Equal(second.Value, again.Value);
        Assert.Empty(recorded);
    }

    private Reply<ExecutionRecord> Consume(string execution) => Run(PrincipalMachine.Decide(state, Use(execution), Alice.Value, now));

    private void Issue(Grant grant) => Run(PrincipalMachine.Decide(state, grant, now));

    private Reply<GrantsEnded> Revoke(string? grantId) => Run(PrincipalMachine.Decide(state, new RevokeCommand("cm_1", grantId, Bob, "enough"), now));

    private void Tick() => Run(new Decision<PrincipalEvent, Done>(machine.Tick(state, now), Done.Instance));

    private void Finish(string execution, ExecutionStatus status = ExecutionStatus.Completed) =>
        Run(PrincipalMachine.Decide(state, new OutcomeCommand(execution, new ExecutionOutcome(status, 200, null, now, now, 0, 0))));

    private Reply<T> Run<T>(Decision<PrincipalEvent, T> decision)
        where T : class
    {
        foreach (var happened in decision.Events)
        {
            recorded.AddRange(machine.Audit(state, happened));
            state = machine.Apply(state, happened);
            sent.AddRange(machine.Effects(state, happened));
        }

        return decision.Reply;
    }
}
