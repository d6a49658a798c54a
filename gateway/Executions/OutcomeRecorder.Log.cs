namespace JitGrains.Gateway.Executions;

internal sealed partial class OutcomeRecorder
{
    [LoggerMessage(3031, LogLevel.Error, "The outcome of execution {ExecutionId} could not be recorded; trying again")]
    private static partial void LogNotRecorded(ILogger logger, Exception exception, string executionId);
}
