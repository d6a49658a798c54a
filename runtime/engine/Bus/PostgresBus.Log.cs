using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresBus
{
    [LoggerMessage(1500, LogLevel.Warning, "The bus has lost the database, and tries to connect until it has it again: {Problem}")]
    private static partial void LogDisconnected(ILogger logger, Exception? exception, string problem);

    [LoggerMessage(1501, LogLevel.Warning, "{Count} messages were too long for the bus and were dropped")]
    private static partial void LogTooLong(ILogger logger, int count);

    [LoggerMessage(1502, LogLevel.Warning, "The database would not tell the other processes what a turn has written; they look by themselves")]
    private static partial void LogNotTold(ILogger logger, Exception exception);
}
