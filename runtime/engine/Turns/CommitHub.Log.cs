using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

internal sealed partial class CommitHub
{
    [LoggerMessage(1000, LogLevel.Error, "{Observer} threw after a commit of a {GrainType}; the commit stands")]
    private static partial void LogObserverFailed(ILogger logger, Exception exception, string observer, string grainType);

    [LoggerMessage(1001, LogLevel.Critical, "The commit observers could not be created; nobody is told of commits")]
    private static partial void LogNoObservers(ILogger logger, Exception exception);

    [LoggerMessage(1002, LogLevel.Error, "News ({Topic}) of a commit of a {GrainType} was not told; the commit stands")]
    private static partial void LogNewsFailed(ILogger logger, Exception exception, string topic, string grainType);
}
