namespace JitGrains.Gateway.Leases;

internal sealed partial class LeaseKeeper
{
    [LoggerMessage(3040, LogLevel.Information, "Registered as {Incarnation}; the lease is live")]
    private static partial void LogRegistered(ILogger logger, string incarnation);

    [LoggerMessage(3041, LogLevel.Warning, "The lease of {Incarnation} is over; registering anew")]
    private static partial void LogLost(ILogger logger, string incarnation);

    [LoggerMessage(3042, LogLevel.Warning, "The lease was not renewed; it holds for {Seconds} s yet")]
    private static partial void LogNotRenewed(ILogger logger, Exception exception, double seconds);

    [LoggerMessage(3043, LogLevel.Error, "This gateway could not be registered; trying again")]
    private static partial void LogNotRegistered(ILogger logger, Exception exception);

    [LoggerMessage(3044, LogLevel.Error, "The lease could not be kept; trying again")]
    private static partial void LogFailed(ILogger logger, Exception exception);

    [LoggerMessage(3045, LogLevel.Warning, "Mail could not be read; the next renewal asks again")]
    private static partial void LogMailNotRead(ILogger logger, Exception exception);

    [LoggerMessage(3046, LogLevel.Warning, "The lease could not be closed; others wait for it until it is over")]
    private static partial void LogNotClosed(ILogger logger, Exception exception);

    [LoggerMessage(3047, LogLevel.Warning, "It could not be looked up yet whether running executions have lost their grants; they go on until that is known")]
    private static partial void LogNotRechecked(ILogger logger, Exception exception);

    [LoggerMessage(3048, LogLevel.Information, "The lease of {Incarnation} is given up: this gateway stops")]
    private static partial void LogStopped(ILogger logger, string incarnation);
}
