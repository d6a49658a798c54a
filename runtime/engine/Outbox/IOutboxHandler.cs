using JitGrains.Outbox;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Delivers grains' messages: commands to other grains, notifications. Called outside any turn, for one source one
/// message after the other in order, for several sources at once. At least once: after a crash or a failure the same
/// record comes again, so what it does must be idempotent by (source, sequence).
/// </summary>
public interface IOutboxHandler
{
    /// <summary>Delivers a message. Throwing means: not delivered, try again later; the source's later messages wait.</summary>
    Task HandleAsync(GrainId source, OutboxRecord record, CancellationToken cancellationToken);

    /// <summary>
    /// Whether somebody waits for the message to arrive, and nothing that its source sent before has to arrive earlier. The process
    /// that wrote it then delivers it right after the commit, before the source is claimed; should that fail, in its turn.
    /// </summary>
    bool IsUrgent(GrainId source, OutboxMessage message) => false;

    /// <summary>
    /// The one grain whose turn takes an urgent message, where delivering it is that turn and nothing else; null where it is not. A store
    /// that can may then run that turn in the transaction that would have written the message, so that there is none to deliver.
    /// </summary>
    GrainId? TakerOf(GrainId source, OutboxMessage message) => null;
}

/// <summary>
/// Says what other processes are to be told of a turn's messages once these are durable; where the store can, it tells them in the
/// same round trip. Must be quick; what it throws is logged and dropped.
/// </summary>
public interface ICommitNews
{
    /// <summary>The news of these messages, which are about to be written.</summary>
    IEnumerable<BusMessage> Of(IReadOnlyList<OutboxMessage> messages);
}

/// <summary>
/// Told of every turn's messages once they are durable and before the turn's caller has its answer: for waking whoever
/// waits in this process. Must be quick and must not call grains; what it throws is logged and dropped. A crash right
/// after the commit loses the call, so nothing but waking may depend on it.
/// </summary>
public interface ICommitObserver
{
    /// <summary>These messages of a grain are durable. For one grain called in the order of its commits.</summary>
    void Committed(GrainId source, IReadOnlyList<OutboxMessage> messages);
}
