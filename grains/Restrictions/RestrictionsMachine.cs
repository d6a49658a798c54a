using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;
using static JitGrains.Restrictions.RestrictionsEvent;

namespace JitGrains.Restrictions;

/// <summary>The restrictions' decisions. Pure and thread-safe.</summary>
public sealed class RestrictionsMachine : IStateMachine<RestrictionsState, RestrictionsEvent>
{
    /// <summary>Most blocked principals.</summary>
    public const int MaxBlocks = 10_000;

    /// <summary>Most revocations by what grants have in common; the same selector again takes no further place.</summary>
    public const int MaxRevocations = 1_000;

    /// <summary>How many command ids are remembered.</summary>
    public const int Remembered = 64;

    /// <summary>
    /// For how long such a revocation is kept: as long as a grant can live, and a day for one whose approval is still on its
    /// way through a silo's clock set back.
    /// </summary>
    public static readonly TimeSpan Keep = ApprovalTerms.LongestWindow + TimeSpan.FromDays(1);

    /// <summary>Blocks a principal.</summary>
    public static Decision<RestrictionsEvent, RestrictionsView> Decide(RestrictionsState state, BlockCommand command, DateTimeOffset now)
    {
        if (IsKnown(state, command.CommandId))
            return new([], View(state));
        if (state.Blocks.ContainsKey(command.Principal.Value))
            return Answer(state, new Noted(command.CommandId));
        return state.Blocks.Count < MaxBlocks
            ? Answer(state, new Blocked(command.CommandId, new PrincipalBlock(command.Principal, command.By, now, command.Reason)))
            : new Refusal.TooManyEntries("blocked principals", MaxBlocks);
    }

    /// <summary>Unblocks a principal; one that is not blocked is no error.</summary>
    public static Decision<RestrictionsEvent, RestrictionsView> Decide(RestrictionsState state, UnblockCommand command)
    {
        if (IsKnown(state, command.CommandId))
            return new([], View(state));
        return state.Blocks.ContainsKey(command.Principal.Value) ? Answer(state, new Unblocked(command)) : Answer(state, new Noted(command.CommandId));
    }

    /// <summary>Revokes what matches.</summary>
    public static Decision<RestrictionsEvent, RestrictionsView> Decide(RestrictionsState state, RevokeMatchingCommand command, DateTimeOffset now)
    {
        if (IsKnown(state, command.CommandId))
            return new([], View(state));
        var live = state.Revocations.Where(r => now < r.KeepUntil && r.Selector != command.Selector).Count();
        return live < MaxRevocations
            ? Answer(state, new Tidied(now), new Revoked(command, now))
            : new Refusal.TooManyEntries("revocations by what grants have in common", MaxRevocations);
    }

    /// <summary>The restrictions as they stand.</summary>
    public static RestrictionsView View(RestrictionsState state) =>
        new(state.Version, [.. state.Blocks.Values.OrderBy(b => b.Principal.Value, StringComparer.Ordinal)], state.Revocations);

    /// <inheritdoc/>
    public RestrictionsState Apply(RestrictionsState state, RestrictionsEvent happened) => Next(state, happened);

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(RestrictionsState before, RestrictionsEvent happened)
    {
        switch (happened)
        {
            case Blocked { Block: var b }:
                yield return new AuditDraft(AuditTypes.PrincipalBlocked,
                    [new("principal", b.Principal.Value, Personal: true), new("by", b.By.Value, Personal: true), .. Because(b.Reason)]);
                break;
            case Unblocked { Command: var c }:
                yield return new AuditDraft(AuditTypes.PrincipalUnblocked,
                    [new("principal", c.Principal.Value, Personal: true), new("by", c.By.Value, Personal: true), .. Because(c.Reason)]);
                break;
            case Revoked { Command: var c } e:
                yield return new AuditDraft(AuditTypes.GrantsRevoked,
                [
                    new(Word(c.Selector.Kind), c.Selector.Value, Personal: c.Selector.Kind == SelectorKind.Approver),
                    AuditField.At("up_to", e.UpTo),
                    new("terminate", c.Terminate ? "true" : "false"),
                    new("by", c.By.Value, Personal: true),
                    .. Because(c.Reason),
                ]);
                break;
            default:
                break;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(RestrictionsState after, RestrictionsEvent happened) => [];

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(RestrictionsState state) => state.Revocations.Select(r => (DateTimeOffset?)r.KeepUntil).Min();

    /// <inheritdoc/>
    public ImmutableArray<RestrictionsEvent> Tick(RestrictionsState state, DateTimeOffset now) =>
        state.Revocations.Any(r => now >= r.KeepUntil) ? [new Tidied(now)] : [];

    private static RestrictionsState Next(RestrictionsState state, RestrictionsEvent happened) => happened switch
    {
        Blocked e => Noting(state, e.CommandId) with { Version = state.Version + 1, Blocks = state.Blocks.SetItem(e.Block.Principal.Value, e.Block) },
        Unblocked e => Noting(state, e.Command.CommandId) with { Version = state.Version + 1, Blocks = state.Blocks.Remove(e.Command.Principal.Value) },
        Revoked e => Noting(state, e.Command.CommandId) with
        {
            Version = state.Version + 1,
            Revocations =
            [
                .. state.Revocations.Where(r => r.Selector != e.Command.Selector),
                new MatchingRevocation(e.Command.Selector, e.UpTo, e.Command.Terminate, e.UpTo + Keep),
            ],
        },
        Noted e => Noting(state, e.CommandId),
        Tidied e => state with { Revocations = state.Revocations.RemoveAll(r => e.At >= r.KeepUntil) },
        _ => state,
    };

    private static RestrictionsState Noting(RestrictionsState state, string commandId) =>
        state with { Recent = [.. state.Recent.Add(commandId).TakeLast(Remembered)] };

    private static bool IsKnown(RestrictionsState state, string commandId) => state.Recent.Contains(commandId, StringComparer.Ordinal);

    private static string Word(SelectorKind kind) => kind switch
    {
        SelectorKind.Api => "api",
        SelectorKind.Action => "action",
        SelectorKind.Issuer => "issuer",
        _ => "approver",
    };

    private static IEnumerable<AuditField> Because(string? reason) => reason is null ? [] : [new("reason", reason, Personal: true)];

    private static Decision<RestrictionsEvent, RestrictionsView> Answer(RestrictionsState state, params ImmutableArray<RestrictionsEvent> events) =>
        new(events, View(events.Aggregate(state, Next)));
}
