using System.Net.Sockets;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>What the database's failures mean to the engine.</summary>
internal static class PostgresErrors
{
    /// <summary>Raised by <c>all_written</c> where the stored version is another.</summary>
    public const string OtherVersion = "JG409";

    private const string IdleInTransaction = "25P03";

    /// <summary>Whether the database does not let the login in, or is not there under its name.</summary>
    public static bool IsRefusal(Exception e) => e is PostgresException
    {
        SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification or PostgresErrorCodes.InvalidCatalogName,
    };

    /// <summary>Whether the database is not to be reached, is stopping, is full, takes no writes (a former primary), or lets this login in no more.</summary>
    public static bool IsOutage(Exception e) => e switch
    {
        _ when IsRefusal(e) => true,
        PostgresException p => p.SqlState[..2] is "08" or "53" or "57" or "58" or "XX"
            ? p.SqlState != PostgresErrorCodes.QueryCanceled
            // The last two are what a standby says.
            : p.SqlState is PostgresErrorCodes.ReadOnlySqlTransaction or PostgresErrorCodes.FeatureNotSupported or PostgresErrorCodes.ObjectNotInPrerequisiteState,
        StoreUnavailableException { InnerException: { } cause } => IsOutage(cause),
        _ when IsOverload(e) => false,
        NpgsqlException or SocketException or IOException or TimeoutException => true,
        _ => false,
    };

    /// <summary>Whether the store could not do it this time, though what was asked of it is all right.</summary>
    public static bool IsTransient(Exception e) =>
        IsOutage(e) || IsOverload(e) || e is PostgresException
        {
            SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.QueryCanceled or PostgresErrorCodes.DeadlockDetected
            or PostgresErrorCodes.SerializationFailure or IdleInTransaction,
        };

    /// <summary>Whether every connection of this process was in use for too long: no fault of the database's.</summary>
    private static bool IsOverload(Exception e) =>
        e is NpgsqlException { InnerException: TimeoutException } && e.Message.StartsWith("The connection pool has been exhausted", StringComparison.Ordinal);

    /// <summary>The engine's exception for the database's, or the same where it is a bug or a matter of configuration.</summary>
    public static Exception Translate(Exception e) => e switch
    {
        StoreUnavailableException => e,
        PostgresException { SqlState: OtherVersion } => new InconsistentStateException("a grain was written by another turn", e),
        _ when IsTransient(e) => new StoreUnavailableException($"The database did not do what was asked of it: {e.Message}", e),
        _ => e,
    };
}
