using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Shell;
using JitGrains.Wire;
using static JitGrains.Approvals.RequestEvent;

namespace JitGrains.Approvals;

/// <content>What follows from a request's events: the next state, the audit entries, the messages, the view.</content>
public sealed partial class RequestMachine
{
    /// <inheritdoc/>
    public RequestState Apply(RequestState state, RequestEvent happened) => happened switch
    {
        Raised e => state with { Ask = e.Ask, Digest = e.Digest, Phase = RequestPhase.Pending },
        Voted e => state with { Votes = state.Votes.Add(e.Vote) },
        Approved e => state with { Phase = RequestPhase.Granting, DecidedAt = e.At },
        GrantConfirmed e => state with { Phase = RequestPhase.Approved, GrantId = e.GrantId },
        Closed e => state with { Phase = e.Phase, DecidedAt = e.At },
        _ => state,
    };

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(RequestState before, RequestEvent happened)
    {
        switch (happened)
        {
            case Raised { Ask: var ask, Digest: var digest }:
                yield return new AuditDraft(AuditTypes.RequestRaised,
                [
                    .. About(ask),
                    .. AuditField.Optional("address", ask.Address, personal: true),
                    .. AuditField.Optional("country", ask.Country, personal: false),
                    .. AuditField.Optional("reason", ask.Reason, personal: true),
                    .. AuditField.Optional("ticket", ask.Ticket, personal: true),
                    new("binding", ask.Binding.ToString().ToLowerInvariant()),
                    .. AuditField.Optional("payload_digest", ask.PayloadDigest, personal: false),
                    new("uses", ask.Uses?.ToString() ?? "unlimited"),
                    new("window_seconds", ((long)ask.Window.TotalSeconds).ToString()),
                    new("rule", ask.Terms.Rule),
                    new("policy", ask.Terms.PolicyVersion),
                    new("digest", digest),
                    AuditField.At("decide_by", ask.DecideBy),
                ]);
                break;
            case Voted { Vote: var vote }:
                yield return new AuditDraft(AuditTypes.VoteCast,
                [
                    new("request", before.Ask!.RequestId),
                    new("approver", vote.Approver.Value, Personal: true),
                    .. AuditField.Optional("groups", string.Join(' ', vote.Groups), personal: false),
                    new("decision", vote.Decision == VoteDecision.Approve ? "approve" : "deny"),
                    .. AuditField.Optional("comment", vote.Comment, personal: true),
                    .. vote.SignIn?.ToAudit() ?? [],
                    new("digest", before.Digest),
                ]);
                break;
            case Approved:
                // The state before may be that of an ask raised in this very turn.
                yield return new AuditDraft(AuditTypes.RequestApproved,
                [
                    .. About(before.Ask!),
                    new("automatic", before.Ask!.Terms.Automatic ? "true" : "false"),
                    new("grant", Grant.IdFor(before.Ask.RequestId)),
                ]);
                break;
            case Closed e:
                yield return new AuditDraft(
                    e.Phase switch
                    {
                        RequestPhase.Denied => AuditTypes.RequestDenied,
                        RequestPhase.Expired => AuditTypes.RequestExpired,
                        RequestPhase.Cancelled => AuditTypes.RequestCancelled,
                        _ => AuditTypes.RequestFailed,
                    },
                    [.. About(before.Ask!), .. AuditField.Optional("by", e.By?.Value, personal: true), .. AuditField.Optional("because", e.Because, personal: false)]);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(RequestState after, RequestEvent happened)
    {
        var ask = after.Ask!;
        switch (happened)
        {
            case Raised:
                yield return new OutboxMessage.ShowRequest(View(after));
                if (!ask.Terms.Automatic)
                    yield return Tell(after, "request.raised", ask.RaisedAt);
                break;
            case Voted:
                yield return new OutboxMessage.ShowRequest(View(after));
                break;
            case Approved e:
                yield return new OutboxMessage.IssueGrant(GrantOf(ask, after.Votes, e.At));
                break;
            case GrantConfirmed:
                yield return new OutboxMessage.ShowRequest(View(after));
                yield return Tell(after, "request.decided", after.DecidedAt!.Value);
                break;
            case Closed e:
                yield return new OutboxMessage.ShowRequest(View(after));
                yield return new OutboxMessage.CloseRequest(
                    ask.CallerKey,
                    new RequestClosed(
                        ask.RequestId,
                        StatusOf(e.Phase),
                        ask.Action,
                        ask.Resource,
                        e.Phase == RequestPhase.Denied ? e.At.Plus(ask.Terms.DenialCooldown) : null));
                yield return Tell(after, "request.decided", e.At);
                break;
            default:
                break;
        }
    }

    /// <summary>The request as shown.</summary>
    public static ApprovalRequestView View(RequestState state)
    {
        var ask = state.Ask!;
        var filled = Quorum.Count(ask.Terms.Stages, state.Votes, ask.NeverApprovers);
        return new ApprovalRequestView
        {
            Id = ask.RequestId,
            Status = StatusOf(state.Phase),
            Principal = ask.Principal,
            Actors = ask.Actors,
            Excluded = ask.Excluded,
            Api = ask.Api,
            Action = ask.Action,
            Access = ask.Access,
            Sensitivity = ask.Sensitivity,
            Resource = ask.Resource,
            Binding = ask.Binding,
            Summary = ask.Summary,
            Reason = ask.Reason,
            Address = ask.Address,
            Country = ask.Country,
            Ticket = ask.Ticket,
            Payload = ask.Payload,
            Uses = ask.Uses,
            WindowSeconds = (int)ask.Window.TotalSeconds,
            Rule = ask.Terms.Rule,
            PolicyVersion = ask.Terms.PolicyVersion,
            Automatic = ask.Terms.Automatic,
            Stages = [.. ask.Terms.Stages.Select((s, i) => new StageView(s.Name, s.Groups, s.Principals, s.Quorum, filled[i]) { SignIn = s.SignIn })],
            Votes = state.Votes,
            Digest = state.Digest,
            RecentlyExecuted = ask.RecentlyExecuted,
            RaisedAt = ask.RaisedAt,
            ExpiresAt = ask.DecideBy,
            DecidedAt = state.Phase is RequestPhase.Pending or RequestPhase.Granting ? null : state.DecidedAt,
            GrantId = state.GrantId,
            CallerKey = ask.CallerKey,
            RejoinKey = ask.RejoinKey,
        };
    }

    private static OutboxMessage.Notify Tell(RequestState state, string type, DateTimeOffset at) =>
        new(new Notification($"{type}:{state.Ask!.RequestId}", type, at, View(state)));

    private static IEnumerable<AuditField> About(Ask ask) =>
    [
        new("request", ask.RequestId),
        new("principal", ask.Principal.Value, Personal: true),
        .. AuditField.People("actors", ask.Actors),
        .. AuditField.People("behind", ask.Excluded),
        new("api", ask.Api),
        new("action", ask.Action),
        .. AuditField.Optional("resource", ask.Resource, personal: true),
    ];
}
