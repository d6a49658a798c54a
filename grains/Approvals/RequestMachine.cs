using System.Collections.Immutable;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Shell;
using JitGrains.Wire;
using static JitGrains.Approvals.RequestEvent;

namespace JitGrains.Approvals;

/// <summary>
/// A request's decisions: it is decided once, a person counts once, and nobody behind the request counts at all. Pure and
/// thread-safe. What follows from the events is in the other half of this class.
/// </summary>
public sealed partial class RequestMachine : IStateMachine<RequestState, RequestEvent>
{
    private static readonly RequestMachine Instance = new();

    /// <summary>Takes on the ask; where the rule's automatic conditions held, it is approved at once.</summary>
    /// <param name="state">The state.</param>
    /// <param name="ask">The ask as the principal's grain recorded it.</param>
    /// <param name="digest">What votes must quote.</param>
    /// <param name="now">The time.</param>
    public static Decision<RequestEvent, ApprovalRequestView> Raise(RequestState state, Ask ask, string digest, DateTimeOffset now)
    {
        if (state.Ask is not null)
            return new([], View(state));
        return ask.Terms.Automatic
            ? Then(state, new Raised(ask, digest), new Approved(now))
            : Then(state, new Raised(ask, digest));
    }

    /// <summary>Takes on the ask as failed, whatever its terms say.</summary>
    public static Decision<RequestEvent, ApprovalRequestView> RaiseFailed(RequestState state, Ask ask, string digest, string because, DateTimeOffset now) =>
        state.Ask is not null
            ? new([], View(state))
            : Then(state, new Raised(ask, digest), new Closed(RequestPhase.Failed, now, null, because));

    /// <summary>Records a vote. One eligible vote against denies; the last one needed in favour approves.</summary>
    public static Decision<RequestEvent, ApprovalRequestView> Vote(RequestState state, VoteCommand command, DateTimeOffset now)
    {
        if (state.Ask is not { } ask)
            return new Refusal.NotFound("request");
        // Who may not vote learns nothing of how it went.
        if (!command.Actors.IsDefaultOrEmpty)
            return new Refusal.NotEligible("acting-for-another");
        if (ask.NeverApprovers.Contains(command.Approver))
            return new Refusal.NotEligible("requester");
        if (!ask.Terms.Stages.Any(s => s.Admits(command.Approver, command.Groups)))
            return new Refusal.NotEligible("not-an-approver");
        if (state.Votes.FirstOrDefault(v => v.Approver == command.Approver) is { } earlier)
        {
            if (earlier.Decision == command.Decision)
                return new([], View(state));
            return new Refusal.AlreadyVoted(earlier.Decision);
        }

        if (state.Phase == RequestPhase.Pending && now >= ask.DecideBy)
            return new([Lapsed(ask)], new Refusal.AlreadyDecided(RequestStatus.Expired));
        if (state.Phase != RequestPhase.Pending)
            return new Refusal.AlreadyDecided(StatusOf(state.Phase, decided: true));
        // Where several stages admit a person, all of their demands: a vote cast cannot be strengthened later.
        if (ask.Terms.Stages.FirstOrDefault(s => s.Admits(command.Approver, command.Groups) && s.SignIn?.IsMetBy(command.SignIn, now) == false) is { } stage)
            return new Refusal.SignInNeeded(stage.SignIn!);
        if (command.Digest != state.Digest)
            return new Refusal.DigestMismatch(state.Digest);

        var vote = new RecordedVote
        {
            Approver = command.Approver,
            Groups = Quorum.Relevant(ask.Terms.Stages, command.Groups),
            Decision = command.Decision,
            Comment = command.Comment,
            At = now,
            SignIn = command.SignIn is null || command.SignIn == SignIn.Unknown ? null : command.SignIn,
        };
        if (vote.Decision == VoteDecision.Deny)
            return Then(state, new Voted(vote), new Closed(RequestPhase.Denied, now, vote.Approver, null));
        return Quorum.IsMet(ask.Terms.Stages, state.Votes.Add(vote), ask.NeverApprovers)
            ? Then(state, new Voted(vote), new Approved(now))
            : Then(state, new Voted(vote));
    }

    /// <summary>The requester or an operator takes it back.</summary>
    public static Decision<RequestEvent, ApprovalRequestView> Cancel(RequestState state, CancelCommand command, DateTimeOffset now)
    {
        if (state.Ask is not { } ask)
            return new Refusal.NotFound("request");
        if (!command.Operator && command.CallerKey != ask.CallerKey)
            return new Refusal.NotTheRequester();
        if (state.Phase == RequestPhase.Cancelled)
            return new([], View(state));
        if (state.Phase == RequestPhase.Pending && now >= ask.DecideBy)
            return new([Lapsed(ask)], new Refusal.AlreadyDecided(RequestStatus.Expired));
        return state.Phase == RequestPhase.Pending
            ? Then(state, new Closed(RequestPhase.Cancelled, now, command.By, null))
            : new Refusal.AlreadyDecided(StatusOf(state.Phase, decided: true));
    }

    /// <summary>The principal has the grant.</summary>
    public static Decision<RequestEvent, Done> Confirm(RequestState state, string grantId) =>
        state.Phase == RequestPhase.Granting ? new([new GrantConfirmed(grantId)], Done.Instance) : new([], Done.Instance);

    /// <summary>The principal would not have the grant.</summary>
    public static Decision<RequestEvent, Done> Fail(RequestState state, string because, DateTimeOffset now) =>
        state.Phase == RequestPhase.Granting
            ? new([new Closed(RequestPhase.Failed, now, null, because)], Done.Instance)
            : new([], Done.Instance);

    /// <inheritdoc/>
    public ImmutableArray<RequestEvent> Tick(RequestState state, DateTimeOffset now) =>
        state is { Phase: RequestPhase.Pending, Ask: { } ask } && now >= ask.DecideBy ? [Lapsed(ask)] : [];

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(RequestState state) => state.Phase == RequestPhase.Pending ? state.Ask?.DecideBy : null;

    /// <summary>The grant that an approval at this time creates, unsigned.</summary>
    internal static Grant GrantOf(Ask ask, ImmutableArray<RecordedVote> votes, DateTimeOffset at) => new()
    {
        Id = Grant.IdFor(ask.RequestId),
        RequestId = ask.RequestId,
        Principal = ask.Principal,
        Actors = ask.Actors,
        Api = ask.Api,
        Action = ask.Action,
        Binding = ask.Binding,
        Resource = ask.Binding == BindingKind.Action ? null : ask.Resource,
        PayloadDigest = ask.Binding == BindingKind.Payload ? ask.PayloadDigest : null,
        NotBefore = at,
        ExpiresAt = at.Plus(ask.Window),
        Uses = ask.Uses,
        Rule = ask.Terms.Rule,
        PolicyVersion = ask.Terms.PolicyVersion,
        Automatic = ask.Terms.Automatic,
        // Comments stay with the request: the grant carries what its use is checked against.
        Votes = [.. votes.Where(v => v.Decision == VoteDecision.Approve).Select(v => v with { Comment = null })],
    };

    private static Closed Lapsed(Ask ask) => new(RequestPhase.Expired, ask.DecideBy, null, null);

    private static Decision<RequestEvent, ApprovalRequestView> Then(RequestState state, params ImmutableArray<RequestEvent> events) =>
        new(events, View(events.Aggregate(state, Instance.Apply)));

    /// <summary>What the wire calls a phase. Somebody who comes too late to vote hears "approved" from the decision on.</summary>
    private static RequestStatus StatusOf(RequestPhase phase, bool decided = false) => phase switch
    {
        RequestPhase.Granting when decided => RequestStatus.Approved,
        RequestPhase.Approved => RequestStatus.Approved,
        RequestPhase.Denied => RequestStatus.Denied,
        RequestPhase.Expired => RequestStatus.Expired,
        RequestPhase.Cancelled => RequestStatus.Cancelled,
        RequestPhase.Failed => RequestStatus.Failed,
        _ => RequestStatus.Pending,
    };
}
