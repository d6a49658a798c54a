using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Identity;

internal sealed partial class IssuerKeys
{
    [LoggerMessage(2100, LogLevel.Information, "Realm {Realm}: {Count} signing keys")]
    private static partial void LogKeysChanged(ILogger logger, string realm, int count);

    [LoggerMessage(2101, LogLevel.Warning, "Realm {Realm}: the keys of {Issuer} cannot be fetched: {Problem}")]
    private static partial void LogFetchFailed(ILogger logger, string realm, string issuer, string problem);

    [LoggerMessage(2102, LogLevel.Information, "Realm {Realm}: the keys of {Issuer} can be fetched again")]
    private static partial void LogAnswersAgain(ILogger logger, string realm, string issuer);
}
