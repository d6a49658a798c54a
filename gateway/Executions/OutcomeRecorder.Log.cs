namespace JitGrains.Gateway.Executions;

internal sealed partial class OutcomeRecorder
{
    [LoggerMessage(3030, LogLevel.Warning, "Execution {ExecutionId} of {Incarnation} was cut off; its outcome is recorded as unknown")]
    private static partial void LogCutOff(ILogger logger, string executionId, string incarnation);

    [LoggerMessage(3031, LogLevel.Error, "The outcome of execution {ExecutionId} could not be recorded; trying again")]
    private static partial void LogNotRecorded(ILogger logger, Exception exception, string executionId);

    [LoggerMessage(3032, LogLevel.Error, "Executions that an earlier run was cut off in could not be looked up; the next start does it")]
    private static partial void LogRecoveryFailed(ILogger logger, Exception exception);
}
