namespace JitGrains.Gateway.Journal;

internal sealed partial class GatewayJournal
{
    [LoggerMessage(3020, LogLevel.Error, "{Entries} journal entries could not be written; trying again")]
    private static partial void LogNotWritten(ILogger logger, Exception exception, int entries);

    [LoggerMessage(3021, LogLevel.Critical, "{Entries} journal entries were lost: the store did not take them before the stop")]
    private static partial void LogLost(ILogger logger, int entries);
}
