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
/// a message that comes twice does nothing the second time. Each message is taken only from the kind of grain that sends
/// it: gateways write principals' messages, and whoever took one over must not get a grant signed by writing its message.
/// Thread-safe.
/// </summary>
internal sealed class OutboxDispatcher(IGrainFactory grains, GrantSigner signer, IStoreEpoch epoch, INotificationQueue notifications) : IOutboxHandler
{
    private const string Principal = "principal";
    private const string Request = "request";

    /// <inheritdoc/>
    public Task HandleAsync(GrainId source, OutboxRecord record, CancellationToken cancellationToken) => (source.Type, record.Message) switch
    {
        (Principal, OutboxMessage.RaiseRequest m) when m.Ask.CallerKey == source.Key => grains.GetGrain<IApprovalRequestGrain>(m.Ask.RequestId).Raise(m.Ask),
        // Where it comes too late, the request stays as it was decided.
        (Principal, OutboxMessage.CancelRequest m) =>
            grains.GetGrain<IApprovalRequestGrain>(m.RequestId).Cancel(new CancelCommand(m.By, source.Key, Operator: false)),
        (Request, OutboxMessage.CloseRequest m) => grains.GetGrain<IPrincipalGrain>(m.CallerKey).CloseRequest(m.Closed),
        // Signed here, on the way: a grain decides in pure code, and a signature is not the same twice.
        (Request, OutboxMessage.IssueGrant m) when m.Grant.RequestId == source.Key => grains.GetGrain<IPrincipalGrain>(m.Grant.CallerKey).IssueGrant(signer.Sign(m.Grant with { Epoch = m.Grant.Epoch ?? epoch.Current })),
        (Principal, OutboxMessage.ConfirmGrant m) => grains.GetGrain<IApprovalRequestGrain>(m.RequestId).ConfirmGrant(m.GrantId),
        (Principal, OutboxMessage.FailGrant m) => grains.GetGrain<IApprovalRequestGrain>(m.RequestId).FailGrant(m.Because),
        (_, OutboxMessage.RecordInSystemChain m) => grains.GetGrain<ISystemChainGrain>(ISystemChainGrain.Key).Record(m.Record),
        (Request, OutboxMessage.Notify m) => notifications.EnqueueAsync(m.Notification, cancellationToken),
        _ => throw new InvalidOperationException($"a {source.Type} sends no {record.Message.GetType().Name}"),
    };
}
