using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Outbox;

/// <summary>Takes notifications on for delivery outside. Must be durable and idempotent by the notification's id.</summary>
public interface INotificationQueue
{
    /// <summary>Queues it; returns once that is durable.</summary>
    Task EnqueueAsync(Notification notification, CancellationToken cancellationToken);
}

/// <summary>
/// Delivers grains' messages to other grains and to the notification queue. Every target is idempotent in its state, so
/// a message that comes twice does nothing the second time. Thread-safe.
/// </summary>
internal sealed class OutboxDispatcher(IGrainFactory grains, GrantSigner signer, INotificationQueue notifications) : IOutboxHandler
{
    /// <inheritdoc/>
    public Task HandleAsync(GrainId source, OutboxRecord record, CancellationToken cancellationToken) => record.Message switch
    {
        OutboxMessage.RaiseRequest m => grains.GetGrain<IApprovalRequestGrain>(m.Ask.RequestId).Raise(m.Ask),
        OutboxMessage.CloseRequest m => grains.GetGrain<IPrincipalGrain>(m.CallerKey).CloseRequest(m.Closed),
        // Signed here, on the way: a grain decides in pure code, and a signature is not the same twice.
        OutboxMessage.IssueGrant m => grains.GetGrain<IPrincipalGrain>(m.Grant.CallerKey).IssueGrant(signer.Sign(m.Grant)),
        OutboxMessage.ConfirmGrant m => grains.GetGrain<IApprovalRequestGrain>(m.RequestId).ConfirmGrant(m.GrantId),
        OutboxMessage.FailGrant m => grains.GetGrain<IApprovalRequestGrain>(m.RequestId).FailGrant(m.Because),
        OutboxMessage.RecordInSystemChain m => grains.GetGrain<ISystemChainGrain>(ISystemChainGrain.Key).Record(m.Record),
        OutboxMessage.Notify m => notifications.EnqueueAsync(m.Notification, cancellationToken),
        _ => throw new InvalidOperationException($"{record.Message.GetType().Name} of {source.Type} is a row, which the store writes itself"),
    };
}
