using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Revocation;

internal sealed partial class GatewayReaper
{
    [LoggerMessage(2610, LogLevel.Warning, "Gateway {Incarnation} has not renewed its lease; it is condemned")]
    private static partial void LogSilent(ILogger logger, string incarnation);

    [LoggerMessage(2611, LogLevel.Warning, "Execution {ExecutionId} of {Incarnation} was cut off; its outcome is recorded as unknown")]
    private static partial void LogCutOff(ILogger logger, string executionId, string incarnation);

    [LoggerMessage(2612, LogLevel.Error, "Gateways' leases could not be looked at; trying again")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
