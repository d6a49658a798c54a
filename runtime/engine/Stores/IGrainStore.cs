using JitGrains.Outbox;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Where grains, their undelivered messages and their reminders are kept. Thread-safe. A failure to reach or write the
/// store is an exception; nothing that was not durably written is ever answered as done.
/// </summary>
public interface IGrainStore
{
    /// <summary>Whether other processes use the same store: then messages and reminders are claimed before they are delivered.</summary>
    bool IsShared { get; }

    /// <summary>
    /// Begins a turn of one grain. The engine runs one turn of a grain at a time within the process; a store that several
    /// processes share holds a lock on the grain until the session is disposed, unless the turn only reads.
    /// </summary>
    /// <param name="grain">The grain.</param>
    /// <param name="readOnly">Whether the turn's method is marked as changing nothing; it then need not lock, but reads the primary store.</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    Task<ITurnSession> BeginTurnAsync(GrainId grain, bool readOnly, CancellationToken cancellationToken);

    /// <summary>Every grain with undelivered messages.</summary>
    Task<IReadOnlyList<GrainId>> ListOutboxSourcesAsync(CancellationToken cancellationToken);

    /// <summary>A grain's undelivered messages in order, at most <paramref name="limit"/>.</summary>
    Task<IReadOnlyList<OutboxRecord>> ReadOutboxAsync(GrainId source, int limit, CancellationToken cancellationToken);

    /// <summary>
    /// Takes a grain's undelivered messages, in order, at most <paramref name="limit"/>, so that nobody else delivers them until
    /// the claim is disposed of.
    /// </summary>
    /// <param name="source">The grain.</param>
    /// <param name="limit">Most messages.</param>
    /// <param name="wait">Whether to wait while another process has the claim; otherwise there is none then (null).</param>
    /// <param name="cancellationToken">Gives up waiting.</param>
    Task<IOutboxClaim?> ClaimOutboxAsync(GrainId source, int limit, bool wait, CancellationToken cancellationToken);

    /// <summary>The store's time, by which reminders are due; the same clock as turns' times.</summary>
    Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Reminders due at this time, the most overdue first, at most <paramref name="limit"/>. A shared store gives a reminder to
    /// one process only, until it is moved on or that process took too long over it.
    /// </summary>
    Task<IReadOnlyList<StoredReminder>> ReadDueRemindersAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken);

    /// <summary>When the next reminder after this time is due, or null where none is.</summary>
    Task<DateTimeOffset?> NextReminderAfterAsync(DateTimeOffset time, CancellationToken cancellationToken);

    /// <summary>Moves a reminder on, unless it was removed or registered anew since it was read.</summary>
    Task MoveReminderAsync(StoredReminder reminder, DateTimeOffset due, CancellationToken cancellationToken);
}

/// <summary>A hold on one grain's undelivered messages. Used by one delivery; not thread-safe.</summary>
public interface IOutboxClaim : IAsyncDisposable
{
    /// <summary>The messages, in order.</summary>
    IReadOnlyList<OutboxRecord> Records { get; }

    /// <summary>Forgets the messages up to and including this sequence number: they were delivered. At most once, and last.</summary>
    Task CompleteAsync(long throughSequence);
}

/// <summary>A claim within one process, where the pump gives a grain to one worker at a time.</summary>
internal sealed class OwnClaim(IReadOnlyList<OutboxRecord> records, Func<long, Task> forget) : IOutboxClaim
{
    public IReadOnlyList<OutboxRecord> Records => records;

    public Task CompleteAsync(long throughSequence) => forget(throughSequence);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

/// <summary>One turn's hold on its grain. Used by one turn only; not thread-safe.</summary>
public interface ITurnSession : IAsyncDisposable
{
    /// <summary>The stored document, or null where there is none or <see cref="Document"/> is it.</summary>
    string? State { get; }

    /// <summary>The stored document as this process has it from its last write, or null: then it is to be read from <see cref="State"/>.</summary>
    object? Document => null;

    /// <summary>The stored version, or null where there is none.</summary>
    string? ETag { get; }

    /// <summary>The turn's time, read after the grain was locked: the store's clock where it has one of its own.</summary>
    DateTimeOffset Now { get; }

    /// <summary>Whether <see cref="CommitAsync"/> sends the write's news to other processes, right after the commit.</summary>
    bool TellsNews => false;

    /// <summary>The grain's reminder of that name as stored, or null.</summary>
    Task<StoredReminder?> FindReminderAsync(string name);

    /// <summary>Reads <see cref="State"/> and <see cref="ETag"/> anew.</summary>
    Task ReloadAsync();

    /// <summary>
    /// Writes all of it in one transaction, or nothing; afterwards <see cref="State"/> and <see cref="ETag"/> are the written
    /// ones. Throws <see cref="InconsistentStateException"/> where the store holds another version than <see cref="ETag"/>.
    /// </summary>
    Task CommitAsync(GrainWrite write);

    /// <summary>The turn ends well, and this is the document that it wrote last, unchanged since: the grain's next turn may have it.</summary>
    void Keep(object document)
    {
    }
}

/// <summary>What a turn writes in one transaction.</summary>
/// <param name="State">The document, or null where only reminders change.</param>
/// <param name="Outbox">Messages to add. Rows (<see cref="OutboxMessage.IsRow"/>) go to their own tables, the others wait for delivery.</param>
/// <param name="Reminders">Reminders to register or remove.</param>
/// <param name="MayBeLost">
/// Whether the store may answer before the write would survive a crash of the store itself (others see it at once all the
/// same). For writes whose loss can only delay or refuse.
/// </param>
public sealed record GrainWrite(
    string? State, IReadOnlyList<OutboxRecord> Outbox, IReadOnlyList<ReminderChange> Reminders, bool MayBeLost = false)
{
    /// <summary>What other processes are to be told once it is written; by the store where <see cref="ITurnSession.TellsNews"/>.</summary>
    public IReadOnlyList<BusMessage> News { get; init; } = [];

    /// <summary>
    /// Turns of other grains that take some of the messages; the store may run them in the same transaction, and then does not write
    /// those messages.
    /// </summary>
    internal IReadOnlyList<JoinedTurn> Joins { get; init; } = [];

    /// <summary>What is left to deliver, and rows: all messages but those whose taker has joined.</summary>
    internal IReadOnlyList<OutboxRecord> Left => Joins.Any(j => j.IsDelivered) ? [.. Outbox.Where(r => !Joins.Any(j => j.IsDelivered && j.Record == r))] : Outbox;
}

/// <summary>A reminder to register, or to remove where <paramref name="Due"/> is null.</summary>
/// <param name="Name">Its name within its grain.</param>
/// <param name="Due">When it is due.</param>
/// <param name="Period">The time between ticks.</param>
public sealed record ReminderChange(string Name, DateTimeOffset? Due, TimeSpan Period);

/// <summary>A reminder as stored.</summary>
/// <param name="Registration">A number that no other registration has, so that a moved or removed reminder is told from a new one of its name.</param>
/// <param name="Grain">Whose it is.</param>
/// <param name="Name">Its name within its grain.</param>
/// <param name="FirstDue">When it was first due.</param>
/// <param name="Due">When it is due.</param>
/// <param name="Period">The time between ticks.</param>
public sealed record StoredReminder(
    long Registration,
    GrainId Grain,
    string Name,
    DateTimeOffset FirstDue,
    DateTimeOffset Due,
    TimeSpan Period);
