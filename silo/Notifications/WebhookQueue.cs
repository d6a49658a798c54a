using System.Text.Json;
using JitGrains.Json;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Outbox;

namespace JitGrains.Silo.Notifications;

/// <summary>Takes notifications on: written to the durable queue in the form that is sent. Thread-safe.</summary>
internal sealed class WebhookQueue(SiloOptions options, IDeliveryQueue queue, IClusterBus bus) : INotificationQueue
{
    public const string Target = "webhook";

    public async Task EnqueueAsync(Notification notification, CancellationToken cancellationToken)
    {
        if (options.Webhook is null)
            return;
        await queue.EnqueueAsync(new NewDelivery(notification.Id, Target, notification.Type, Body(notification, options.PublicUrl)), cancellationToken);
        bus.Publish(new BusMessage(BusTopics.Delivery, notification.Id));
    }

    /// <summary>What is sent. The call's payload stays inside: whoever may see it looks at the control plane.</summary>
    internal static string Body(Notification notification, Uri? publicUrl)
    {
        var request = notification.Request;
        var self = publicUrl is null ? null : $"{publicUrl.AbsoluteUri.TrimEnd('/')}/api/v1/requests/{request.Id}";
        return JsonSerializer.Serialize(
            new
            {
                notification.Type,
                Timestamp = notification.At,
                Data = new
                {
                    Request = new
                    {
                        request.Id,
                        request.Status,
                        request.Principal,
                        request.Actors,
                        request.Excluded,
                        request.Address,
                        request.Country,
                        request.Api,
                        request.Action,
                        request.Access,
                        request.Sensitivity,
                        request.Resource,
                        request.Summary,
                        request.Reason,
                        request.Ticket,
                        request.Uses,
                        request.WindowSeconds,
                        request.Rule,
                        request.PolicyVersion,
                        request.Automatic,
                        request.Stages,
                        request.RaisedAt,
                        request.ExpiresAt,
                        request.DecidedAt,
                    },
                    Links = self is null ? null : new { Self = self },
                },
            },
            JitJson.Options);
    }
}

/// <summary>Wakes the sender. Thread-safe; a ring between two waits is not lost.</summary>
internal sealed class WebhookSignal : IDisposable
{
    private readonly SemaphoreSlim rung = new(0, 1);

    public void Ring()
    {
        lock (rung)
        {
            if (rung.CurrentCount == 0)
                rung.Release();
        }
    }

    public Task WaitAsync(CancellationToken cancellation) => rung.WaitAsync(cancellation);

    public void Dispose() => rung.Dispose();
}
