using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// What a database that does not take a login, or does not answer, means to whoever runs the process: which setting it is, and what is
/// wrong with it. Passwords, and connection strings as a whole, are never in it. Stateless.
/// </summary>
internal static class PostgresRefusals
{
    /// <summary>The engine's exception for a failure at the start, or the same where it is a bug.</summary>
    /// <param name="failure">The failure.</param>
    /// <param name="setting">The name of the setting that was used.</param>
    /// <param name="database">The connection string that is in it.</param>
    public static Exception Of(Exception failure, string setting, string database)
    {
        var text = new NpgsqlConnectionStringBuilder(database);
        var server = text.Host!.AsSpan().ContainsAny(',', ':', '/') ? text.Host : $"{text.Host}:{text.Port}";
        return Cause(failure) switch
        {
            StoreOpenException or StoreUnavailableException => failure,
            PostgresException { SqlState: PostgresErrorCodes.InvalidPassword } e =>
                Refused(e, $"does not take its Username with its Password: {e.MessageText}. Either may be wrong"),
            PostgresException { SqlState: PostgresErrorCodes.InvalidAuthorizationSpecification } e =>
                Refused(e, $"does not let its Username in: {e.MessageText}. Look at that role, and at the server's pg_hba.conf"),
            // Somebody else may be about to create it, or to grant that.
            PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } e =>
                Refused(e, $"does not have its Database: {e.MessageText}. Create it, or name the right one", mayPass: true),
            PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e =>
                Refused(e, $"has not granted its Username what is needed: {e.MessageText}. docs/operations.md (Logins) says what that is", mayPass: true),
            PostgresException e when PostgresErrors.IsOutage(e) =>
                new StoreUnavailableException($"{setting}: PostgreSQL at {server} does not serve: {e.MessageText} ({e.SqlState})", failure),
            var e when PostgresErrors.IsOutage(e) =>
                new StoreUnavailableException($"{setting}: PostgreSQL at {server} does not answer: {e.Message}{(e.InnerException is { } inner ? $" ({inner.Message})" : "")}", failure),
            _ => PostgresErrors.Translate(failure),
        };

        StoreOpenException Refused(PostgresException e, string what, bool mayPass = false) =>
            new($"{setting}: PostgreSQL at {server} {what} ({e.SqlState}).", failure) { MayPass = mayPass };
    }

    /// <summary>Of what several servers said, that which trying again does not change. While a process runs, what keeps its login out is an outage.</summary>
    private static Exception Cause(Exception failure) => failure switch
    {
        StoreUnavailableException { InnerException: { } inner } when Cause(inner) is var cause && PostgresErrors.IsRefusal(cause) => cause,
        NpgsqlException { InnerException: AggregateException all } => all.InnerExceptions.FirstOrDefault(TryingAgainIsNoUse) ?? failure,
        _ => failure,
    };

    private static bool TryingAgainIsNoUse(Exception e) => e is PostgresException && (PostgresErrors.IsRefusal(e) || !PostgresErrors.IsOutage(e));
}
