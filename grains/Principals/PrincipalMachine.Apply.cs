using System.Collections.Immutable;
using System.Globalization;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Shell;
using JitGrains.Wire;
using static JitGrains.Principals.PrincipalEvent;

namespace JitGrains.Principals;

/// <content>What follows from a principal's events: the next state, the audit entries, the messages.</content>
public sealed partial class PrincipalMachine
{
    /// <inheritdoc/>
    public PrincipalState Apply(PrincipalState state, PrincipalEvent happened) => happened switch
    {
        AskRaised e => state with
        {
            Asks = state.Asks.SetItem(e.Ask.RejoinKey, new OpenAsk { RequestId = e.Ask.RequestId, DecideBy = e.Ask.DecideBy }),
        },
        CancelWanted e => state with
        {
            Asks = state.Asks.SetItems(state.Asks
                .Where(a => a.Value.RequestId == e.RequestId)
                .Select(a => KeyValuePair.Create(a.Key, a.Value with { CancelAsked = true }))),
        },
        AskClosed e => state with { Asks = state.Asks.RemoveRange(state.Asks.Where(a => a.Value.RequestId == e.RequestId).Select(a => a.Key)) },
        CoolDownBegan e => state with { CoolDowns = state.CoolDowns.SetItem(e.Subject, e.Until) },
        GrantTaken e => state with
        {
            Version = state.Version + 1,
            Grants = state.Grants.SetItem(e.Grant.Id, new HeldGrant { Grant = e.Grant, UsesLeft = e.Grant.Uses }),
            Asks = state.Asks.SetItems(state.Asks
                .Where(a => a.Value.RequestId == e.Grant.RequestId)
                .Select(a => KeyValuePair.Create(a.Key, a.Value with { GrantId = e.Grant.Id }))),
        },
        UseTaken e => state with
        {
            Grants = Change(state, e.Execution.GrantId, g => g with
            {
                UsesLeft = g.UsesLeft - 1,
                Open = g.Open.SetItem(e.Execution.Id, e.Execution),
                Last = e.Execution,
            }),
            LastUses = Remember(state.LastUses, e.RejoinKey, e.Execution.StartedAt),
        },
        GrantEnded e => state with
        {
            Version = state.Version + 1,
            Grants = Change(state, e.GrantId, g => g with { Status = e.Status, EndedAt = e.At, EndedBy = e.By }),
        },
        AllRevoked e => state with { RevokedUpTo = e.UpTo },
        OutcomeKnown { Execution: var x } => state with
        {
            Grants = Change(state, x.GrantId, g => g with { Open = g.Open.Remove(x.Id), Last = g.Last?.Id == x.Id ? x : g.Last }),
        },
        Tidied e => Tidy(state, e.At),
        _ => state,
    };

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(PrincipalState before, PrincipalEvent happened)
    {
        switch (happened)
        {
            case GrantTaken { Grant: var g }:
                yield return new AuditDraft(AuditTypes.GrantIssued,
                [
                    .. About(g),
                    AuditField.At("not_before", g.NotBefore),
                    AuditField.At("expires_at", g.ExpiresAt),
                    new("uses", g.Uses?.ToString() ?? "unlimited"),
                    new("policy", g.PolicyVersion),
                    new("rule", g.Rule),
                    new("automatic", g.Automatic ? "true" : "false"),
                ]);
                break;
            case UseTaken { Execution: var x }:
                yield return new AuditDraft(AuditTypes.GrantConsumed,
                [
                    .. About(before.Grants[x.GrantId].Grant, x.Resource),
                    new("execution", x.Id),
                    new("incarnation", x.Incarnation),
                    new("uses_left", (before.Grants[x.GrantId].UsesLeft - 1)?.ToString() ?? "unlimited"),
                    .. AuditField.Optional("token", x.TokenId, personal: false),
                ]);
                break;
            case GrantEnded { Status: not GrantStatus.Consumed } e:
                yield return new AuditDraft(
                    e.Status switch
                    {
                        GrantStatus.Revoked => AuditTypes.GrantRevoked,
                        GrantStatus.Released => AuditTypes.GrantReleased,
                        _ => AuditTypes.GrantExpired,
                    },
                    [.. About(before.Grants[e.GrantId].Grant), .. AuditField.Optional("by", e.By?.Value, personal: true), .. AuditField.Optional("reason", e.Reason, personal: true)]);
                break;
            case OutcomeKnown { Execution: { Outcome: { } outcome } x }:
                yield return new AuditDraft(AuditTypes.ExecutionOutcome,
                    [.. About(before.Grants[x.GrantId].Grant, x.Resource), new("execution", x.Id), .. Describe(outcome)]);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(PrincipalState after, PrincipalEvent happened)
    {
        switch (happened)
        {
            case AskRaised e:
                yield return new OutboxMessage.RaiseRequest(e.Ask);
                break;
            case CancelWanted e:
                yield return new OutboxMessage.CancelRequest(e.RequestId, e.By);
                break;
            case GrantTaken { Grant: var g }:
                yield return new OutboxMessage.ShowGrant(Show(after.Grants[g.Id])) { Whole = g };
                yield return new OutboxMessage.ConfirmGrant(g.RequestId, g.Id);
                break;
            case GrantRejected e:
                yield return new OutboxMessage.FailGrant(e.RequestId, e.Because);
                break;
            case UseTaken { Execution: var x }:
                yield return new OutboxMessage.ShowExecution(x);
                yield return new OutboxMessage.ShowGrant(Show(after.Grants[x.GrantId]));
                break;
            case GrantEnded e:
                yield return new OutboxMessage.ShowGrant(Show(after.Grants[e.GrantId]));
                break;
            case OutcomeKnown e:
                yield return new OutboxMessage.ShowExecution(e.Execution);
                break;
            default:
                break;
        }
    }

    /// <summary>How an execution went, as audit entries say it.</summary>
    public static string WordFor(ExecutionStatus status) => status switch
    {
        ExecutionStatus.Completed => "completed",
        ExecutionStatus.Failed => "failed",
        ExecutionStatus.Started => "started",
        _ => "unknown",
    };

    /// <summary>The fields that say what came of an execution.</summary>
    public static ImmutableArray<AuditField> Describe(ExecutionOutcome outcome)
    {
        var fields = ImmutableArray.CreateBuilder<AuditField>(7);
        fields.Add(new("status", WordFor(outcome.Status)));
        if (outcome.HttpStatus is { } status)
            fields.Add(new("http_status", status.ToString(CultureInfo.InvariantCulture)));
        if (!string.IsNullOrEmpty(outcome.Error))
            fields.Add(new("error", outcome.Error));
        fields.Add(AuditField.At("started_at", outcome.StartedAt));
        fields.Add(AuditField.At("ended_at", outcome.EndedAt));
        fields.Add(new("request_bytes", outcome.RequestBytes.ToString(CultureInfo.InvariantCulture)));
        fields.Add(new("response_bytes", outcome.ResponseBytes.ToString(CultureInfo.InvariantCulture)));
        return fields.DrainToImmutable();
    }

    private static GrantView Show(HeldGrant held) => new()
    {
        Id = held.Grant.Id,
        Status = held.Status,
        RequestId = held.Grant.RequestId,
        Principal = held.Grant.Principal,
        Actors = held.Grant.Actors,
        Api = held.Grant.Api,
        Action = held.Grant.Action,
        Resource = held.Grant.Binding == BindingKind.Action ? null : held.Grant.Resource,
        Binding = held.Grant.Binding,
        NotBefore = held.Grant.NotBefore,
        ExpiresAt = held.Grant.ExpiresAt,
        Uses = held.Grant.Uses,
        UsesLeft = held.UsesLeft,
        Rule = held.Grant.Rule,
        EndedAt = held.EndedAt,
        EndedBy = held.EndedBy,
        CallerKey = held.Grant.CallerKey,
    };

    private static IEnumerable<AuditField> About(Grant grant, string? resource = null) =>
    [
        new("request", grant.RequestId),
        new("grant", grant.Id),
        new("principal", grant.Principal.Value, Personal: true),
        .. AuditField.People("actors", grant.Actors),
        new("api", grant.Api),
        new("action", grant.Action),
        .. AuditField.Optional("resource", resource ?? grant.Resource, personal: true),
    ];

    private static ImmutableDictionary<string, HeldGrant> Change(PrincipalState state, string grantId, Func<HeldGrant, HeldGrant> change) =>
        state.Grants.SetItem(grantId, change(state.Grants[grantId]));

    private static ImmutableDictionary<string, DateTimeOffset> Remember(ImmutableDictionary<string, DateTimeOffset> uses, string key, DateTimeOffset at)
    {
        uses = uses.SetItem(key, at);
        return uses.Count <= RememberedUses ? uses : uses.Remove(uses.MinBy(u => u.Value).Key);
    }

    /// <summary>Forgets what time has made meaningless, and turns old ended grants into mere ids.</summary>
    private static PrincipalState Tidy(PrincipalState state, DateTimeOffset now)
    {
        var leaving = state.Grants.Values.Where(g => LeavesAt(g) is { } at && now >= at).ToArray();
        return state with
        {
            Asks = state.Asks.RemoveRange(state.Asks.Where(a => IsOver(state, a.Value, now)).Select(a => a.Key)),
            Grants = state.Grants.RemoveRange(leaving.Select(g => g.Grant.Id)),
            Gone = state.Gone
                .SetItems(leaving.Where(g => now < g.Grant.ExpiresAt).Select(g => KeyValuePair.Create(g.Grant.Id, g.Grant.ExpiresAt)))
                .RemoveRange(state.Gone.Where(g => now >= g.Value).Select(g => g.Key)),
            CoolDowns = state.CoolDowns.RemoveRange(state.CoolDowns.Where(c => now >= c.Value).Select(c => c.Key)),
            LastUses = state.LastUses.RemoveRange(state.LastUses.Where(u => now >= u.Value + RecentUse).Select(u => u.Key)),
        };
    }

    /// <summary>When an ended grant leaves; null while it is active or has an execution running.</summary>
    private static DateTimeOffset? LeavesAt(HeldGrant held) =>
        held.Status == GrantStatus.Active || !held.Open.IsEmpty ? null : held.EndedAt?.Plus(Linger);

    private static DateTimeOffset? TidyDue(PrincipalState state) =>
        state.Grants.Values.Select(LeavesAt)
            .Concat(state.Asks.Values.Where(a => a.GrantId is null).Select(a => (DateTimeOffset?)a.DecideBy))
            .Concat(state.Gone.Values.Select(g => (DateTimeOffset?)g))
            .Concat(state.CoolDowns.Values.Select(c => (DateTimeOffset?)c))
            .Concat(state.LastUses.Values.Select(u => (DateTimeOffset?)(u + RecentUse)))
            .Min();
}
