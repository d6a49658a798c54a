using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>Keys in the table <c>cluster_keys</c>. Connects for each use: it is used at the start of a process and never again. Thread-safe.</summary>
internal sealed class PostgresKeyStore(GrainEngineOptions options) : IKeyStore
{
    public async Task<IReadOnlyDictionary<string, byte[]>> ReadAsync(CancellationToken cancellationToken = default)
    {
        // Which rows there are is the database's to say: a gateway's login sees those for all.
        return await UseAsync(
            async connection =>
            {
                var keys = new Dictionary<string, byte[]>(StringComparer.Ordinal);
                try
                {
                    await using var command = new NpgsqlCommand("SELECT name, value FROM cluster_keys", connection);
                    await using var reader = await command.ExecuteReaderAsync(cancellationToken);
                    while (await reader.ReadAsync(cancellationToken))
                        keys.Add(reader.GetString(0), reader.GetFieldValue<byte[]>(1));
                }
                catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InsufficientPrivilege)
                {
                    // Nothing is there yet, or not all that this login may do was granted: somebody else is about to do that.
                }

                return keys;
            },
            cancellationToken);
    }

    public async Task AddAsync(IReadOnlyList<SharedKey> keys, CancellationToken cancellationToken = default)
    {
        await PostgresMigration.RunAsync(options, NullLogger.Instance, cancellationToken);
        await UseAsync(
            async connection =>
            {
                // One after the other in the order given: whoever comes second waits at the first name, and then adds none.
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
                foreach (var key in keys)
                {
                    await using var command = new NpgsqlCommand(
                        "INSERT INTO cluster_keys (name, audience, value) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", connection, transaction)
                    {
                        Parameters = { new() { Value = key.Name }, new() { Value = key.ForAll ? "all" : "silo" }, new() { Value = key.Value } },
                    };
                    await command.ExecuteNonQueryAsync(cancellationToken);
                }

                await transaction.CommitAsync(cancellationToken);
                return true;
            },
            cancellationToken);
    }

    private async Task<T> UseAsync<T>(Func<NpgsqlConnection, Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(options.Database) { Pooling = false, Timeout = 5 }.ToString());
            await connection.OpenAsync(cancellationToken);
            return await work(connection);
        }
        catch (Exception e)
        {
            throw PostgresRefusals.Of(e, nameof(options.Database), options.Database!);
        }
    }
}
