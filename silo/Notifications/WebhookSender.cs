using System.Net;
using System.Net.Http.Headers;
using System.Text;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Telemetry;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Notifications;

/// <summary>
/// Sends what is queued, one delivery after the other, each taken first so that no other silo sends it too, with the specification's headers (webhook-id, webhook-timestamp,
/// webhook-signature). 2xx is success; 410 gives up at once; everything else is tried again. Redirects are not followed.
/// </summary>
internal sealed partial class WebhookSender(
    SiloOptions options,
    IDeliveryQueue queue,
    IClusterBus bus,
    SiloMetrics metrics,
    TimeProvider time,
    ILogger<WebhookSender> logger) : BackgroundService
{
    private static readonly TimeSpan AfterTrouble = TimeSpan.FromSeconds(5);

    /// <summary>A wake-up may be lost.</summary>
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(15);

    /// <summary>Time to write down what came of an attempt, beyond the attempt's own.</summary>
    private static readonly TimeSpan SettleWithin = TimeSpan.FromSeconds(20);

    /// <summary>Ids are kept this long, so that the same event queued again is not sent again.</summary>
    private static readonly TimeSpan KeepIds = TimeSpan.FromDays(7);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.Webhook is not { } webhook)
            return;
        var secret = webhook.ReadSecret();
        using var signal = new WebhookSignal();
        using var news = bus.Subscribe(BusTopics.Delivery, _ => signal.Ring());
        using var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(2) })
        {
            Timeout = webhook.Timeout,
        };
        while (!stoppingToken.IsCancellationRequested)
        {
            TimeSpan wait;
            try
            {
                wait = await SendDueAsync(http, webhook, secret, stoppingToken);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogQueueTrouble(logger, e);
                wait = AfterTrouble;
            }

            using var woken = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            await Task.WhenAny(signal.WaitAsync(woken.Token), Task.Delay(wait, time, woken.Token));
            await woken.CancelAsync();
        }
    }

    /// <summary>Sends everything that is due; says how long there is nothing to do.</summary>
    private async Task<TimeSpan> SendDueAsync(HttpClient http, WebhookOptions webhook, WebhookSecret secret, CancellationToken stopping)
    {
        while (await queue.ClaimDueAsync(time.GetUtcNow(), webhook.Timeout + SettleWithin, limit: 1, stopping) is { Count: > 0 } due)
        {
            foreach (var delivery in due)
                await SettleAsync(delivery, await AttemptAsync(http, webhook, secret, delivery, stopping), webhook, stopping);
        }

        await queue.PruneAsync(time.GetUtcNow() - KeepIds, stopping);
        var next = await queue.NextDueAsync(stopping) - time.GetUtcNow();
        return next is null || next > Idle ? Idle : next < TimeSpan.Zero ? TimeSpan.Zero : next.Value;
    }

    /// <summary>The answer's status, or null where there was none.</summary>
    private async Task<HttpStatusCode?> AttemptAsync(HttpClient http, WebhookOptions webhook, WebhookSecret secret, Delivery delivery, CancellationToken stopping)
    {
        var at = time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, webhook.Url)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(delivery.Body)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        request.Headers.Add("webhook-id", delivery.Id);
        request.Headers.Add("webhook-timestamp", at.ToString());
        request.Headers.Add("webhook-signature", secret.Sign(delivery.Id, at, delivery.Body));
        try
        {
            // The answer's body is of no interest, however long it is.
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stopping);
            return response.StatusCode;
        }
        catch (Exception e) when (e is HttpRequestException || (e is TaskCanceledException && !stopping.IsCancellationRequested))
        {
            return null;
        }
    }

    private async Task SettleAsync(Delivery delivery, HttpStatusCode? status, WebhookOptions webhook, CancellationToken stopping)
    {
        if (status is >= HttpStatusCode.OK and < HttpStatusCode.MultipleChoices)
        {
            await queue.CompleteAsync(delivery.Id, stopping);
            metrics.Webhook("delivered");
        }
        else if (status == HttpStatusCode.Gone || delivery.Attempts >= webhook.Waits.Count)
        {
            await queue.GiveUpAsync(delivery.Id, stopping);
            metrics.Webhook("given_up");
            LogGivenUp(logger, delivery.Id, delivery.Attempts + 1, (int?)status);
        }
        else
        {
            var wait = webhook.Waits[delivery.Attempts];
            await queue.RetryAsync(delivery.Id, time.GetUtcNow() + wait, stopping);
            metrics.Webhook("failed");
            LogFailed(logger, delivery.Id, (int?)status, wait);
        }
    }
}
