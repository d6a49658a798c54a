using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Brings the schema and the roles' privileges up to this version's, under a lock that goes with its transaction: of many
/// processes that start at once, one does it and the others find it done.
/// </summary>
internal static partial class PostgresMigration
{
    private const long LockKey = 0x6a69_7467_7261_696e;

    private static readonly string[] Roles = ["jitgrains_silo", "jitgrains_gateway"];

    /// <summary>What makes the group roles, where the owner may not.</summary>
    public static string RolesSql { get; } = string.Join(" ", Roles.Select(r => $"CREATE ROLE {r} NOLOGIN;"));

    /// <summary>Does what is to be done as the owner; refuses a database of a later version.</summary>
    /// <exception cref="StoreOpenException">The database does not let it; the message names the setting.</exception>
    /// <exception cref="StoreUnavailableException">The database did not answer, or takes nobody yet.</exception>
    public static async Task<SchemaChange> RunAsync(GrainEngineOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        var (setting, database) = options.DatabaseOwner is { } owner ? (nameof(options.DatabaseOwner), owner) : (nameof(options.Database), options.Database!);
        try
        {
            return await RunAsync(database, PostgresSchema.Steps, PostgresPrivileges.Sql, logger, cancellationToken);
        }
        catch (Exception e)
        {
            throw PostgresRefusals.Of(e, setting, database);
        }
    }

    internal static async Task<SchemaChange> RunAsync(string database, IReadOnlyList<string> steps, string privileges, ILogger logger, CancellationToken cancellationToken)
    {
        // A connection of its own: what takes long is not to be cut off by the turns' timeouts.
        var text = new NpgsqlConnectionStringBuilder(database) { Pooling = false, Timeout = 5, CommandTimeout = 300 };
        await using var connection = new NpgsqlConnection(text.ToString());
        await connection.OpenAsync(cancellationToken);
        var wanted = (steps.Count, Hash(privileges));
        if (await ReadAsync(connection, steps.Count, cancellationToken) == wanted)
            return new SchemaChange(steps.Count, steps.Count, Granted: true);
        try
        {
            return await MigrateAsync(connection, steps, privileges, logger, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            var (version, _) = await ReadAsync(connection, steps.Count, cancellationToken);
            // The privileges are the owner's business; the tables must be there.
            if (version == steps.Count)
                return new SchemaChange(version, version, Granted: false);
            throw new StoreOpenException(
                $"The database has schema version {version}; this program needs {steps.Count}, and its login may not change the schema. Start a process whose DatabaseOwner may, or run `migrate` with it.", e) { MayPass = true };
        }
    }

    private static async Task<SchemaChange> MigrateAsync(NpgsqlConnection connection, IReadOnlyList<string> steps, string privileges, ILogger logger, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(
            connection,
            string.Create(CultureInfo.InvariantCulture, $"SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT pg_advisory_xact_lock({LockKey})"),
            cancellationToken);
        var (version, given) = await ReadAsync(connection, steps.Count, cancellationToken);
        if (version < 0)
        {
            await ExecuteAsync(
                connection,
                "CREATE TABLE schema_version (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), version int NOT NULL, privileges text NOT NULL); INSERT INTO schema_version (version, privileges) VALUES (0, '')",
                cancellationToken);
            version = 0;
        }

        var granted = version == steps.Count && given == Hash(privileges);
        for (var next = version; next < steps.Count; next++)
            await ExecuteAsync(connection, $"{steps[next]}; UPDATE schema_version SET version = {next + 1}, privileges = ''", cancellationToken);
        if (!granted && (granted = await MakeRolesAsync(connection, logger, cancellationToken)))
            await ExecuteAsync(connection, $"{privileges}; UPDATE schema_version SET privileges = '{Hash(privileges)}'", cancellationToken);

        await transaction.CommitAsync(cancellationToken);
        if (version < steps.Count)
            LogMigrated(logger, steps.Count);
        return new SchemaChange(version, steps.Count, granted);
    }

    /// <summary>The stored version and privileges; -1 where nothing is there yet. A later version is refused.</summary>
    private static async Task<(int Version, string Privileges)> ReadAsync(NpgsqlConnection connection, int latest, CancellationToken cancellationToken)
    {
        // Read as rows, not by to_regclass: that may answer from what this session knew before it waited for the lock.
        if (await ScalarAsync(connection, "SELECT 1 FROM pg_tables WHERE tablename = 'schema_version' AND schemaname = ANY (current_schemas(false))", cancellationToken) is null)
            return (-1, "");
        await using var command = new NpgsqlCommand("SELECT version, privileges FROM schema_version", connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            return (-1, "");
        var version = reader.GetInt32(0);
        return version <= latest
            ? (version, reader.GetString(1))
            : throw new StoreOpenException(
                $"The database has schema version {version}; this program knows versions up to {latest}. Run the version that wrote it, or a later one.");
    }

    private static async Task<bool> MakeRolesAsync(NpgsqlConnection connection, ILogger logger, CancellationToken cancellationToken)
    {
        foreach (var role in Roles)
        {
            if (await ScalarAsync(connection, $"SELECT 1 FROM pg_roles WHERE rolname = '{role}'", cancellationToken) is not null)
                continue;
            await ExecuteAsync(connection, "SAVEPOINT role", cancellationToken);
            try
            {
                await ExecuteAsync(connection, $"CREATE ROLE {role} NOLOGIN", cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.DuplicateObject or PostgresErrorCodes.UniqueViolation)
            {
                // Roles belong to the server: somebody made it for another database just now.
                await ExecuteAsync(connection, "ROLLBACK TO role", cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
            {
                await ExecuteAsync(connection, "ROLLBACK TO role", cancellationToken);
                LogRolesMissing(logger, RolesSql);
                return false;
            }
        }

        return true;
    }

    private static string Hash(string privileges) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(privileges)))[..16];

#pragma warning disable CA2100 // Texts of this file, and numbers.
    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }
#pragma warning restore CA2100
}

/// <summary>What a migration came upon, and what it left.</summary>
/// <param name="From">The version that was there; 0 where nothing was.</param>
/// <param name="To">The version that is there now.</param>
/// <param name="Granted">Whether the roles have the privileges of this version.</param>
internal readonly record struct SchemaChange(int From, int To, bool Granted);
