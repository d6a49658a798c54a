using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Policies;

internal sealed partial class PolicyProvider
{
    [LoggerMessage(2300, LogLevel.Information, "Policy {Version} is in force")]
    private static partial void LogInForce(ILogger logger, string version);

    [LoggerMessage(2301, LogLevel.Error, "The policy's files cannot be taken; {Version} stays in force: {Problems}")]
    private static partial void LogRejected(ILogger logger, string version, string problems);

    [LoggerMessage(2302, LogLevel.Error, "A new policy cannot be recorded in the audit trail, and so is not taken")]
    private static partial void LogNotRecorded(ILogger logger, Exception exception);
}
