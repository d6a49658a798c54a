using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

internal sealed partial class OutboxPump
{
    [LoggerMessage(1100, LogLevel.Warning, "An outbox message of a {GrainType} was not delivered ({Failures} in a row); trying again in {Seconds} s")]
    private static partial void LogDeliveryFailed(ILogger logger, Exception exception, string grainType, int failures, double seconds);

    [LoggerMessage(1101, LogLevel.Error, "The store could not be searched for undelivered messages; trying again in {Seconds} s")]
    private static partial void LogSweepFailed(ILogger logger, Exception exception, double seconds);
}
