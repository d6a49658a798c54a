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

/// <summary>Told by grains, in their turn, of messages that are durable and wait for delivery. Thread-safe; must be quick and not throw.</summary>
public interface IOutboxSignal
{
    /// <summary>The grain of this type and key has messages.</summary>
    void MessagesWait(string grainType, string key);
}
