using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Outbox;

namespace JitGrains.Shell;

/// <summary>
/// A grain's pure part: <c>Decide(state, command, now)</c> in methods of its own, and what follows from each event.
/// No clock, no randomness, no I/O; the same arguments give the same answer.
/// </summary>
/// <typeparam name="TState">An immutable state.</typeparam>
/// <typeparam name="TEvent">A closed family of events.</typeparam>
public interface IStateMachine<TState, TEvent>
{
    /// <summary>The state after the event.</summary>
    TState Apply(TState state, TEvent happened);

    /// <summary>What the audit trail says of the event.</summary>
    IEnumerable<AuditDraft> Audit(TState before, TEvent happened);

    /// <summary>What others must learn of the event.</summary>
    IEnumerable<OutboxMessage> Effects(TState after, TEvent happened);

    /// <summary>When time alone changes something next, or null.</summary>
    DateTimeOffset? NextDue(TState state);

    /// <summary>What time alone has changed by now.</summary>
    ImmutableArray<TEvent> Tick(TState state, DateTimeOffset now);
}

/// <summary>A decision: what happened, and the answer.</summary>
/// <typeparam name="TEvent">The events' type.</typeparam>
/// <typeparam name="T">The answer's type.</typeparam>
/// <param name="Events">What happened; empty where nothing changes.</param>
/// <param name="Reply">The answer. A refusal can come with events (a grant found to have expired).</param>
public sealed record Decision<TEvent, T>(ImmutableArray<TEvent> Events, Reply<T> Reply)
    where T : class
{
    /// <summary>Nothing changes, and why.</summary>
    public static implicit operator Decision<TEvent, T>(Refusal refusal) => new([], refusal);
}
