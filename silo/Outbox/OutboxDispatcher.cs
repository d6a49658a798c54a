using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Audit;
using JitGrains.Silo.Policies;
using Microsoft.Extensions.Logging;

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
internal sealed partial class OutboxDispatcher(
    IGrainFactory grains, GrantSigner signer, IStoreEpoch epoch, INotificationQueue notifications, ValueErasure erasure, ILogger<OutboxDispatcher> logger, AskCheck? asks = null) : IOutboxHandler
{
    private const string Principal = "principal";
    private const string Request = "request";
    private const string Erasures = "erasures";

    /// <inheritdoc/>
    public Task HandleAsync(GrainId source, OutboxRecord record, CancellationToken cancellationToken) => (source.Type, record.Message) switch
    {
        (Principal, OutboxMessage.RaiseRequest m) when m.Ask.CallerKey == source.Key => RaiseAsync(m.Ask, cancellationToken),
        // Where it comes too late, the request stays as it was decided.
        (Principal, OutboxMessage.CancelRequest m) =>
            grains.GetGrain<IApprovalRequestGrain>(m.RequestId).Cancel(new CancelCommand(m.By, source.Key, Operator: false)),
        (Request, OutboxMessage.CloseRequest m) => grains.GetGrain<IPrincipalGrain>(m.CallerKey).CloseRequest(m.Closed),
        // Signed here, on the way: a grain decides in pure code, and a signature is not the same twice.
        (Request, OutboxMessage.IssueGrant m) when m.Grant.RequestId == source.Key => grains.GetGrain<IPrincipalGrain>(m.Grant.CallerKey).IssueGrant(signer.Sign(m.Grant with { Epoch = m.Grant.Epoch ?? epoch.Current })),
        (Principal, OutboxMessage.ConfirmGrant m) => grains.GetGrain<IApprovalRequestGrain>(m.RequestId).ConfirmGrant(m.GrantId),
        (Principal, OutboxMessage.FailGrant m) => grains.GetGrain<IApprovalRequestGrain>(m.RequestId).FailGrant(m.Because),
        (_, OutboxMessage.RecordInSystemChain m) => grains.GetGrain<ISystemChainGrain>(ISystemChainGrain.Key).Record(m.Record),
        (Erasures, OutboxMessage.EraseValues m) => erasure.ApplyAsync(m.Digests, m.At, cancellationToken),
        (Request, OutboxMessage.Notify m) => notifications.EnqueueAsync(m.Notification, cancellationToken),
        _ => throw new InvalidOperationException($"a {source.Type} sends no {record.Message.GetType().Name}"),
    };

    /// <summary>For a grant a held caller waits; what its request sends beside it is told elsewhere, and in any order.</summary>
    public bool IsUrgent(GrainId source, OutboxMessage message) => message is OutboxMessage.IssueGrant;

    /// <summary>A grant is its holder's from the commit on that approves it, where the holder's grain has nothing else to do.</summary>
    public GrainId? TakerOf(GrainId source, OutboxMessage message) => (source.Type, message) switch
    {
        (Request, OutboxMessage.IssueGrant m) when m.Grant.RequestId == source.Key => new GrainId(Principal, m.Grant.CallerKey),
        _ => null,
    };

    private async Task RaiseAsync(Ask ask, CancellationToken cancellationToken)
    {
        var request = grains.GetGrain<IApprovalRequestGrain>(ask.RequestId);
        // Where one process does everything, nobody else writes asks.
        if (asks is not null && await asks.FindFaultAsync(ask, cancellationToken) is { } because)
        {
            LogForged(logger, ask.RequestId, because);
            await request.RaiseFailed(ask, because);
            return;
        }

        await request.Raise(ask);
    }

    [LoggerMessage(2410, LogLevel.Error, "Request {RequestId} is not one that its policy makes ({Because}); it has failed. A gateway that sends such asks may have been taken over")]
    private static partial void LogForged(ILogger logger, string requestId, string because);
}
