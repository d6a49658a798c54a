using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Revocation;

internal sealed partial class InvalidationService
{
    [LoggerMessage(2600, LogLevel.Warning, "Gateway {Incarnation} did not acknowledge within {Milliseconds} ms; it is condemned and waited out")]
    private static partial void LogCondemned(ILogger logger, string incarnation, double milliseconds);

    [LoggerMessage(2601, LogLevel.Warning, "A gateway could not be told of a change because the store failed; trying again")]
    private static partial void LogTryingAgain(ILogger logger, Exception exception);
}
