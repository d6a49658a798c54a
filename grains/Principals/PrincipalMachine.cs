using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Shell;
using static JitGrains.Principals.PrincipalEvent;

namespace JitGrains.Principals;

/// <summary>
/// A principal's decisions. Every one compares times itself: none depends on a reminder having fired. Pure and
/// thread-safe. What follows from the events is in the other half of this class.
/// </summary>
public sealed partial class PrincipalMachine : IStateMachine<PrincipalState, PrincipalEvent>
{
    /// <summary>Pending requests that one principal may have.</summary>
    public const int MaxPending = 20;

    /// <summary>An identical call within this time of the last is pointed out to approvers.</summary>
    public static readonly TimeSpan RecentUse = TimeSpan.FromMinutes(10);

    /// <summary>For how long an ended grant still answers with its last execution.</summary>
    public static readonly TimeSpan Linger = TimeSpan.FromMinutes(1);

    private const int RememberedUses = 64;

    private static readonly PrincipalMachine Instance = new();

    /// <summary>Raises an ask or finds the one open for the same thing.</summary>
    public static Decision<PrincipalEvent, AskAccepted> Decide(PrincipalState state, AskCommand command, DateTimeOffset now)
    {
        var ask = command.Ask;
        var open = state.Asks.GetValueOrDefault(ask.RejoinKey);
        if (open is not null && IsOver(state, open, now))
            open = null;
        if (command.JoinRequestId is not null && open?.RequestId != command.JoinRequestId)
            return new Refusal.RequestMismatch(command.JoinRequestId);
        if (open is not null)
            return Answer(new AskAccepted(open.RequestId, Raised: false, open.GrantId));
        if (state.CoolDowns.TryGetValue(SubjectOf(ask.Action, ask.Resource), out var until) && now < until)
            return new Refusal.CoolingDown(until);
        if (state.Asks.Values.Count(a => a.GrantId is null && now < a.DecideBy) >= MaxPending)
            return new Refusal.TooManyPending(MaxPending);

        var raised = ask with
        {
            RaisedAt = now,
            DecideBy = now.Plus(ask.Terms.DecideWithin),
            RecentlyExecuted = state.LastUses.TryGetValue(ask.RejoinKey, out var last) && now < last + RecentUse,
        };
        return new([new AskRaised(raised)], new AskAccepted(raised.RequestId, Raised: true, GrantId: null, raised));
    }

    /// <summary>Takes an ask back, once. Whether that comes in time is for the request to say.</summary>
    public static Decision<PrincipalEvent, Done> Decide(PrincipalState state, CancelRequestCommand command, DateTimeOffset now)
    {
        if (state.Asks.Values.FirstOrDefault(a => a.RequestId == command.RequestId) is not { } ask || IsOver(state, ask, now))
            return new Refusal.NotFound("request");
        return ask.CancelAsked || ask.GrantId is not null
            ? new([], Done.Instance)
            : new([new CancelWanted(command.RequestId, command.By)], Done.Instance);
    }

    /// <summary>Takes one use of a grant, once the outcomes that came along are recorded.</summary>
    public static Decision<PrincipalEvent, ExecutionRecord> Decide(PrincipalState state, ConsumeCommand command, string callerKey, DateTimeOffset now)
    {
        if (command.Outcomes.IsDefaultOrEmpty)
            return Take(state, command, callerKey, now);
        var events = ImmutableArray.CreateBuilder<PrincipalEvent>();
        foreach (var known in command.Outcomes.SelectMany(o => Decide(state, o).Events))
        {
            events.Add(known);
            state = Instance.Apply(state, known);
        }

        var taken = Take(state, command, callerKey, now);
        return new([.. events, .. taken.Events], taken.Reply);
    }

    private static Decision<PrincipalEvent, ExecutionRecord> Take(PrincipalState state, ConsumeCommand command, string callerKey, DateTimeOffset now)
    {
        if (!state.Grants.TryGetValue(command.GrantId, out var held))
            return new Refusal.NotFound("grant");
        if (held.Open.TryGetValue(command.ExecutionId, out var mine))
            return new([], mine);
        if (held.Last?.Id == command.ExecutionId)
            return new Refusal.AlreadyUsed(held.Grant.RequestId, held.Last);
        if (held.Status == GrantStatus.Consumed)
            return new Refusal.AlreadyUsed(held.Grant.RequestId, held.Last);
        if (held.Status != GrantStatus.Active)
            return new Refusal.GrantNotActive(held.Status);
        if (now >= held.Grant.ExpiresAt)
            return new(End(state, held, GrantStatus.Expired, now, null, null), new Refusal.GrantNotActive(GrantStatus.Expired));
        if (now < held.Grant.NotBefore)
            return new Refusal.GrantNotActive(GrantStatus.Active);
        if (!held.Grant.Covers(command.Action, command.Resource, command.PayloadDigest))
            return new Refusal.GrantDoesNotCover();
        if (held.UsesLeft <= 0)
            return new Refusal.AlreadyUsed(held.Grant.RequestId, held.Last);

        var execution = new ExecutionRecord
        {
            Id = command.ExecutionId,
            GrantId = held.Grant.Id,
            RequestId = held.Grant.RequestId,
            CallerKey = callerKey,
            Incarnation = command.Incarnation,
            Action = command.Action,
            Resource = command.Resource,
            StartedAt = now,
            TokenId = command.TokenId,
        };
        ImmutableArray<PrincipalEvent> events = [new UseTaken(execution, command.RejoinKey)];
        if (held.UsesLeft == 1)
            events = events.AddRange(End(state, held, GrantStatus.Consumed, now, null, null));
        return new(events, execution);
    }

    /// <summary>Records an outcome; the first one stays, and one for an execution that is not open changes nothing.</summary>
    public static Decision<PrincipalEvent, Done> Decide(PrincipalState state, OutcomeCommand command)
    {
        var held = state.Grants.Values.FirstOrDefault(g => g.Open.ContainsKey(command.ExecutionId));
        return held is null
            ? new([], Done.Instance)
            : new([new OutcomeKnown(held.Open[command.ExecutionId] with { Outcome = command.Outcome })], Done.Instance);
    }

    /// <summary>Takes on a grant, once; one that was revoked or has run out on its way is rejected.</summary>
    public static Decision<PrincipalEvent, Done> Decide(PrincipalState state, Grant grant, DateTimeOffset now)
    {
        if (state.Grants.ContainsKey(grant.Id) || state.Gone.ContainsKey(grant.Id))
            return new([], Done.Instance);
        string? because = now >= grant.ExpiresAt ? "expired" : grant.NotBefore <= state.RevokedUpTo ? "revoked" : null;
        return because is null
            ? new([new GrantTaken(grant)], Done.Instance)
            : new([new GrantRejected(grant.RequestId, because), new AskClosed(grant.RequestId)], Done.Instance);
    }

    /// <summary>A request ended without a grant.</summary>
    public static Decision<PrincipalEvent, Done> Decide(PrincipalState state, RequestClosed closed, DateTimeOffset now)
    {
        var events = ImmutableArray.CreateBuilder<PrincipalEvent>();
        if (state.Asks.Values.Any(a => a.RequestId == closed.RequestId))
            events.Add(new AskClosed(closed.RequestId));
        if (closed.CoolDownUntil is { } until && until > now)
            events.Add(new CoolDownBegan(SubjectOf(closed.Action, closed.Resource), until));
        return new(events.ToImmutable(), Done.Instance);
    }

    /// <summary>Revokes one grant or all.</summary>
    public static Decision<PrincipalEvent, GrantsEnded> Decide(PrincipalState state, RevokeCommand command, DateTimeOffset now) =>
        command.GrantId is { } id
            ? EndOne(state, id, GrantStatus.Revoked, now, command)
            : EndAll(state, now, command);

    /// <summary>The holder gives a grant back.</summary>
    public static Decision<PrincipalEvent, GrantsEnded> Release(PrincipalState state, string grantId, DateTimeOffset now) =>
        EndOne(state, grantId, GrantStatus.Released, now, null);

    /// <summary>What a gateway may keep: grants that are active by status and time.</summary>
    public static PrincipalView View(PrincipalState state, DateTimeOffset now) => new(
        state.Version,
        [.. state.Grants.Values
            .Where(g => g.Status == GrantStatus.Active && now < g.Grant.ExpiresAt)
            .OrderBy(g => g.Grant.ExpiresAt)
            .ThenBy(g => g.Grant.Id, StringComparer.Ordinal)
            .Select(g => new ActiveGrant(g.Grant, g.UsesLeft))]);

    /// <inheritdoc/>
    public ImmutableArray<PrincipalEvent> Tick(PrincipalState state, DateTimeOffset now)
    {
        var events = ImmutableArray.CreateBuilder<PrincipalEvent>();
        foreach (var held in state.Grants.Values.Where(g => g.Status == GrantStatus.Active && now >= g.Grant.ExpiresAt))
            events.AddRange(End(state, held, GrantStatus.Expired, held.Grant.ExpiresAt, null, null));
        if (events.Count > 0 || (TidyDue(state) is { } due && now >= due))
            events.Add(new Tidied(now));
        return events.ToImmutable();
    }

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(PrincipalState state)
    {
        var expiry = state.Grants.Values.Where(g => g.Status == GrantStatus.Active).Select(g => (DateTimeOffset?)g.Grant.ExpiresAt).Min();
        var tidy = TidyDue(state);
        return expiry is null ? tidy : tidy is null || expiry < tidy ? expiry : tidy;
    }

    /// <summary>What the cool-down after a denial is about.</summary>
    private static string SubjectOf(string action, string resource) => $"{action} {resource}";

    private static bool IsOver(PrincipalState state, OpenAsk ask, DateTimeOffset now) =>
        ask.GrantId is null
            ? now >= ask.DecideBy
            : !state.Grants.TryGetValue(ask.GrantId, out var held) || held.Status != GrantStatus.Active || now >= held.Grant.ExpiresAt;

    private static Decision<PrincipalEvent, GrantsEnded> EndOne(PrincipalState state, string id, GrantStatus status, DateTimeOffset now, RevokeCommand? command)
    {
        if (state.Gone.ContainsKey(id))
            return Nothing(state);
        if (!state.Grants.TryGetValue(id, out var held))
            return new Refusal.NotFound("grant");
        if (held.Status != GrantStatus.Active)
            return Nothing(state);
        return new(End(state, held, status, now, command?.By, command?.Reason), new GrantsEnded([id], state.Version + 1));
    }

    private static Decision<PrincipalEvent, GrantsEnded> EndAll(PrincipalState state, DateTimeOffset now, RevokeCommand command)
    {
        var active = state.Grants.Values.Where(g => g.Status == GrantStatus.Active).OrderBy(g => g.Grant.Id, StringComparer.Ordinal).ToArray();
        ImmutableArray<PrincipalEvent> events =
            [new AllRevoked(now), .. active.SelectMany(g => End(state, g, GrantStatus.Revoked, now, command.By, command.Reason))];
        ImmutableArray<string> others = [.. state.Grants.Where(g => g.Value.Status != GrantStatus.Active).Select(g => g.Key).Order(StringComparer.Ordinal)];
        return new(events, new GrantsEnded([.. active.Select(g => g.Grant.Id)], state.Version + active.Length, others));
    }

    private static Decision<PrincipalEvent, GrantsEnded> Nothing(PrincipalState state) => new([], new GrantsEnded([], state.Version));

    private static ImmutableArray<PrincipalEvent> End(
        PrincipalState state, HeldGrant held, GrantStatus status, DateTimeOffset at, Identity.PrincipalId? by, string? reason)
    {
        PrincipalEvent ended = new GrantEnded(held.Grant.Id, status, at, by, reason);
        return state.Asks.Values.Any(a => a.RequestId == held.Grant.RequestId)
            ? [ended, new AskClosed(held.Grant.RequestId)]
            : [ended];
    }

    private static Decision<PrincipalEvent, AskAccepted> Answer(AskAccepted accepted) => new([], accepted);
}
