using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Shell;
using JitGrains.Wire;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Approvals;

public sealed class RequestMachineTests
{
    private const string Digest = "hmac-sha256;jit-review-1;x";

    private readonly RequestMachine machine = new();
    private readonly List<OutboxMessage> sent = [];
    private readonly List<AuditDraft> recorded = [];
    private RequestState state = new();

    private DateTimeOffset now = Start;

    [Fact]
    public void A_vote_that_meets_the_quorum_creates_the_grant_and_shows_approved_only_once_it_exists()
    {
        Raise();
        var reply = Vote(Sample.Vote(Bob, VoteDecision.Approve, Digest));

        Assert.Equal(RequestStatus.Pending, reply.Value!.Status);
        var grant = Assert.Single(sent.OfType<OutboxMessage.IssueGrant>()).Grant;
        Assert.Equal(Start, grant.NotBefore);
        Assert.Equal(Start + TimeSpan.FromMinutes(10), grant.ExpiresAt);
        Assert.Equal(1, grant.Uses);
        Assert.Equal(Bob, Assert.Single(grant.Votes).Approver);

        Run(RequestMachine.Confirm(state, grant.Id));
        Assert.Equal(RequestStatus.Approved, RequestMachine.View(state).Status);
        Assert.Equal(grant.Id, RequestMachine.View(state).GrantId);
        Assert.Equal([AuditTypes.RequestRaised, AuditTypes.VoteCast, AuditTypes.RequestApproved], recorded.Select(r => r.Type));
    }

    [Fact]
    public void The_window_starts_at_approval_and_not_at_the_ask()
    {
        Raise();
        now += TimeSpan.FromMinutes(20);
        Vote(Sample.Vote(Bob, VoteDecision.Approve, Digest));
        var grant = Assert.Single(sent.OfType<OutboxMessage.IssueGrant>()).Grant;
        Assert.Equal(now, grant.NotBefore);
        Assert.Equal(now + TimeSpan.FromMinutes(10), grant.ExpiresAt);
    }

    [Fact]
    public void One_eligible_vote_against_denies_and_starts_the_cool_down()
    {
        Raise(Ask(terms: Terms(Stage(2))));
        Vote(Sample.Vote(Bob, VoteDecision.Approve, Digest));
        Assert.Equal(RequestStatus.Denied, Vote(Sample.Vote(Carol, VoteDecision.Deny, Digest)).Value!.Status);
        var closed = Assert.Single(sent.OfType<OutboxMessage.CloseRequest>()).Closed;
        Assert.Equal(now + TimeSpan.FromMinutes(10), closed.CoolDownUntil);
        Assert.Empty(sent.OfType<OutboxMessage.IssueGrant>());
    }

    public static TheoryData<string, VoteCommand, string> NotEligible => new()
    {
        { "the requester", Sample.Vote(Alice, VoteDecision.Approve, Digest), "requester" },
        { "the requester against", Sample.Vote(Alice, VoteDecision.Deny, Digest), "requester" },
        { "an actor of the requester", Sample.Vote(Person("helper"), VoteDecision.Approve, Digest), "requester" },
        { "who triggered the job", Sample.Vote(Person("trigger"), VoteDecision.Approve, Digest), "requester" },
        { "nobody of the group", Sample.Vote(Dave, VoteDecision.Approve, Digest, "dev:auditors"), "not-an-approver" },
        { "one who has lost the group", new VoteCommand(Bob, [], [], VoteDecision.Approve, null, Digest), "not-an-approver" },
        { "the group's namesake of another issuer", Sample.Vote(Bob, VoteDecision.Approve, Digest, "other:managers"), "not-an-approver" },
        { "an agent in an approver's name", new VoteCommand(Bob, [Person("agent")], [Managers], VoteDecision.Approve, null, Digest), "acting-for-another" },
    };

    [Theory]
    [MemberData(nameof(NotEligible))]
    public void Does_not_count(string who, VoteCommand vote, string because)
    {
        Assert.NotEmpty(who);
        Raise(Ask() with { Actors = [Person("helper")], Excluded = [Person("trigger")] });
        var before = state;
        Assert.Equal(new Refusal.NotEligible(because), Vote(vote).Refusal);
        Assert.Same(before, state);
    }

    [Fact]
    public void A_vote_on_something_else_than_what_was_seen_is_refused()
    {
        Raise();
        Assert.IsType<Refusal.DigestMismatch>(Vote(Sample.Vote(Bob, VoteDecision.Approve, "hmac-sha256;jit-review-1;y")).Refusal);
        Assert.Empty(state.Votes);
    }

    [Fact]
    public void The_same_vote_again_changes_nothing_and_the_other_way_is_refused()
    {
        Raise(Ask(terms: Terms(Stage(2))));
        Vote(Sample.Vote(Bob, VoteDecision.Approve, Digest));
        var before = state;
        Assert.Equal(RequestStatus.Pending, Vote(Sample.Vote(Bob, VoteDecision.Approve, Digest)).Value!.Status);
        Assert.IsType<Refusal.AlreadyVoted>(Vote(Sample.Vote(Bob, VoteDecision.Deny, Digest)).Refusal);
        Assert.Same(before, state);
    }

    [Fact]
    public void From_its_deadline_on_it_can_only_be_expired_whether_or_not_a_reminder_came()
    {
        Raise();
        now += TimeSpan.FromMinutes(30);
        Assert.Equal(new Refusal.AlreadyDecided(RequestStatus.Expired), Vote(Sample.Vote(Bob, VoteDecision.Approve, Digest)).Refusal);
        Assert.Equal(RequestPhase.Expired, state.Phase);
        Assert.Empty(machine.Tick(state, now));
        Assert.Single(sent.OfType<OutboxMessage.CloseRequest>());
    }

    [Fact]
    public void A_tick_expires_it_at_its_deadline_and_not_before()
    {
        Raise();
        Assert.Equal(Start + TimeSpan.FromMinutes(30), machine.NextDue(state));
        Assert.Empty(machine.Tick(state, Start + TimeSpan.FromMinutes(30) - TimeSpan.FromTicks(1)));
        Assert.Single(machine.Tick(state, Start + TimeSpan.FromMinutes(30)));
    }

    [Theory]
    [InlineData("approve")]
    [InlineData("deny")]
    [InlineData("cancel")]
    [InlineData("expire")]
    public void Decided_once_whatever_comes_after(string first)
    {
        Raise();
        Decide(first);
        var decided = state.Phase;
        foreach (var later in new[] { "approve", "deny", "cancel", "expire", "raise", "fail" })
        {
            if (later == first || (first == "approve" && later == "fail"))
                continue;
            Decide(later);
            Assert.Equal(decided, state.Phase);
        }
    }

    [Fact]
    public void Only_the_requester_or_an_operator_takes_it_back()
    {
        Raise();
        Assert.IsType<Refusal.NotTheRequester>(Run(RequestMachine.Cancel(state, new CancelCommand(Bob, Bob.Value, false), now)).Refusal);
        Assert.Equal(RequestStatus.Cancelled, Run(RequestMachine.Cancel(state, new CancelCommand(Dave, Dave.Value, true), now)).Value!.Status);
    }

    [Fact]
    public void A_rule_that_approves_by_itself_needs_no_vote_and_says_so()
    {
        Raise(Ask(terms: Terms() with { Automatic = true }));
        Assert.True(Assert.Single(sent.OfType<OutboxMessage.IssueGrant>()).Grant.Automatic);
        Assert.Contains(recorded.Single(r => r.Type == AuditTypes.RequestApproved).Fields, f => f is { Name: "automatic", Value: "true" });
        Assert.Empty(sent.OfType<OutboxMessage.Notify>());
    }

    [Fact]
    public void A_grant_that_could_not_be_made_shows_as_failed()
    {
        Raise();
        Vote(Sample.Vote(Bob, VoteDecision.Approve, Digest));
        Run(RequestMachine.Fail(state, "revoked", now));
        Assert.Equal(RequestStatus.Failed, RequestMachine.View(state).Status);
        Run(RequestMachine.Confirm(state, "gr_x"));
        Assert.Equal(RequestStatus.Failed, RequestMachine.View(state).Status);
    }

    [Fact]
    public void Who_asks_and_what_for_is_personal_in_the_audit_trail()
    {
        Raise(Ask() with { Reason = "customer called", Ticket = "T-1" });
        var fields = recorded.Single().Fields;
        Assert.All(["principal", "resource", "reason", "ticket"], name => Assert.True(fields.Single(f => f.Name == name).Personal, name));
    }

    private void Decide(string what)
    {
        switch (what)
        {
            case "approve":
                Vote(Sample.Vote(Bob, VoteDecision.Approve, Digest));
                Run(RequestMachine.Confirm(state, JitGrains.Grants.Grant.IdFor(RequestId(1))));
                break;
            case "deny":
                Vote(Sample.Vote(Carol, VoteDecision.Deny, Digest));
                break;
            case "cancel":
                Run(RequestMachine.Cancel(state, new CancelCommand(Alice, Alice.Value, false), now));
                break;
            case "expire":
                now = Start + TimeSpan.FromHours(1);
                Run(new Decision<RequestEvent, Done>(machine.Tick(state, now), Done.Instance));
                break;
            case "raise":
                Raise();
                break;
            default:
                Run(RequestMachine.Fail(state, "revoked", now));
                break;
        }
    }

    private void Raise(Ask? ask = null) => Run(RequestMachine.Raise(state, ask ?? Ask(), Digest, now));

    private Reply<ApprovalRequestView> Vote(VoteCommand command) => Run(RequestMachine.Vote(state, command, now));

    private Reply<T> Run<T>(Decision<RequestEvent, T> decision)
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
