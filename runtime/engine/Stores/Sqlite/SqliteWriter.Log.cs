using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteWriter
{
    [LoggerMessage(1300, LogLevel.Error, "A transaction of {Writes} writes failed; none of them was answered as done")]
    private static partial void LogCommitFailed(ILogger logger, Exception exception, int writes);

    [LoggerMessage(1301, LogLevel.Error, "A failed transaction could not be rolled back; the connection is opened anew")]
    private static partial void LogRollbackFailed(ILogger logger, Exception exception);
}
