using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

internal sealed partial class OutboxDrain
{
    [LoggerMessage(1180, LogLevel.Warning, "An outbox message of a {GrainType} was not delivered ({Failures} in a row); trying again in {Seconds} s")]
    private static partial void LogDeliveryFailed(ILogger logger, Exception exception, string grainType, int failures, double seconds);

    [LoggerMessage(1181, LogLevel.Error, "{Observer} threw after a commit of a {GrainType}; the commit stands")]
    private static partial void LogObserverFailed(ILogger logger, Exception exception, string observer, string grainType);

    [LoggerMessage(1182, LogLevel.Warning, "Rows of a {GrainType} were not written with its turn; trying again")]
    private static partial void LogRowsLate(ILogger logger, Exception exception, string grainType);
}
