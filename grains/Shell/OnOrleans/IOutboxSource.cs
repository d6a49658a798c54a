using System.Collections.Immutable;
using JitGrains.Outbox;

namespace JitGrains.Shell;

/// <summary>
/// The outbox of a grain on Orleans, for the service that delivers it: messages stay in the grain's state until they were
/// delivered. For the engine only; not part of what integrators call.
/// </summary>
[Alias("jit.IOutboxSource"), Version(1)]
public interface IOutboxSource : IGrainWithStringKey
{
    /// <summary>All undelivered messages, in order.</summary>
    [Alias("PeekOutbox")]
    Task<ImmutableArray<OutboxRecord>> PeekOutbox();

    /// <summary>
    /// The messages up to and including this one are delivered. They leave the state with its next write: one that is lost
    /// has them delivered again, which changes nothing.
    /// </summary>
    [Alias("TrimOutbox")]
    Task TrimOutbox(long throughSequence);
}

/// <summary>Sees to grains' messages on their silo. Thread-safe; does not throw.</summary>
public interface IOutboxService
{
    /// <summary>
    /// In the grain's turn, right after a write: brings rows (audit entries, read models) to their tables, so that whoever has
    /// the turn's answer finds them there, and has the other messages delivered after the turn. What fails is tried again.
    /// </summary>
    /// <param name="grainType">The grain's type.</param>
    /// <param name="key">Its key.</param>
    /// <param name="undelivered">All its undelivered messages, in order.</param>
    /// <returns>Whether nothing is left to deliver.</returns>
    Task<bool> WrittenAsync(string grainType, string key, IReadOnlyList<OutboxRecord> undelivered);

    /// <summary>The grain has messages that an earlier activation left.</summary>
    void MessagesWait(string grainType, string key);
}
