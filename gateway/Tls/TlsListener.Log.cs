namespace JitGrains.Gateway.Tls;

internal sealed partial class TlsListener
{
    [LoggerMessage(3120, LogLevel.Information, "{Setting}: certificate {Subject} for {Hosts}, until {NotAfter:u}")]
    private static partial void LogTaken(ILogger logger, string setting, string subject, string hosts, DateTimeOffset notAfter);

    [LoggerMessage(3121, LogLevel.Error, "{Setting}: the changed certificates cannot be taken, the last good ones stay in use: {Problem}")]
    private static partial void LogRejected(ILogger logger, string setting, string problem);

    [LoggerMessage(3122, LogLevel.Warning, "{Setting}: certificate {Subject} is valid until {NotAfter:u} only")]
    private static partial void LogEnding(ILogger logger, string setting, string subject, DateTimeOffset notAfter);
}
