using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Notifications;

internal sealed partial class WebhookSender
{
    [LoggerMessage(2400, LogLevel.Warning, "Webhook {Id} failed with status {Status}; the next attempt is in {Wait}")]
    private static partial void LogFailed(ILogger logger, string id, int? status, TimeSpan wait);

    [LoggerMessage(2401, LogLevel.Error, "Webhook {Id} is given up after {Attempts} attempts; the last status was {Status}")]
    private static partial void LogGivenUp(ILogger logger, string id, int attempts, int? status);

    [LoggerMessage(2402, LogLevel.Error, "The queue of webhooks cannot be read or written")]
    private static partial void LogQueueTrouble(ILogger logger, Exception exception);
}
