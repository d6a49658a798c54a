namespace JitGrains.Gateway.Grants;

internal sealed partial class GrantViews
{
    [LoggerMessage(3010, LogLevel.Error, "Grant {GrantId} does not carry a valid signature and is not used")]
    private static partial void LogForged(ILogger logger, string grantId);
}
