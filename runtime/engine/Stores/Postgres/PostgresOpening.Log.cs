using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresOpening
{
    [LoggerMessage(1400, LogLevel.Warning, "Waiting for the database: {Problem}")]
    private static partial void LogWaiting(ILogger logger, string problem);
}

internal static partial class PostgresMigration
{
    [LoggerMessage(1401, LogLevel.Information, "The database's schema is now at version {Version}")]
    private static partial void LogMigrated(ILogger logger, int version);

    [LoggerMessage(1402, LogLevel.Warning, "The group roles of docs/operations.md are missing and this login may not create them; every login that is to use the database needs to be its owner until an administrator runs: {Sql}")]
    private static partial void LogRolesMissing(ILogger logger, string sql);
}
