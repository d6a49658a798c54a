using JitGrains.Outbox;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore
{
    // One number of the lock's key is ours, the other the source's; two sources that share one merely take turns.
    private const string Claim = "SELECT pg_advisory_xact_lock(1785295979, hashtext($1))";
    private const string TryClaim = "SELECT pg_try_advisory_xact_lock(1785295979, hashtext($1))";
    private const string Messages = "SELECT seq, kind, message FROM outbox WHERE source_type = $1 AND source_key = $2 ORDER BY seq LIMIT $3";

    public async Task<IReadOnlyList<GrainId>> ListOutboxSourcesAsync(CancellationToken cancellationToken) =>
        await AllAsync("SELECT DISTINCT source_type, source_key FROM outbox", r => new GrainId(r.GetString(0), r.GetString(1)), cancellationToken);

    public async Task<IReadOnlyList<OutboxRecord>> ReadOutboxAsync(GrainId source, int limit, CancellationToken cancellationToken) =>
        await AllAsync(Messages, ReadRecord, cancellationToken, source.Type, source.Key, (long)limit);

    /// <summary>The claim is a lock in a transaction that stays open: it goes with the process, or with its connection.</summary>
    public async Task<IOutboxClaim?> ClaimOutboxAsync(GrainId source, int limit, bool wait, CancellationToken cancellationToken)
    {
        await opening.OpenAsync(cancellationToken);
        try
        {
            var connection = await connections.OpenAsync(cancellationToken);
            try
            {
                if (await ClaimAsync(connection, source, limit, wait, cancellationToken) is { } records)
                {
                    connections.Succeeded();
                    return new OutboxClaim(this, connection, source, records);
                }
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }

            await connection.DisposeAsync();
            return null;
        }
        catch (Exception e)
        {
            throw connections.Failed(e);
        }
    }

    private async Task<List<OutboxRecord>?> ClaimAsync(NpgsqlConnection connection, GrainId source, int limit, bool wait, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        AddBegin(batch);
        batch.BatchCommands.Add(PostgresConnections.Statement(wait ? Claim : TryClaim, source.ToString()));
        batch.BatchCommands.Add(PostgresConnections.Statement(Messages, source.Type, source.Key, (long)limit));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        if (connections.Settings is not null)
            await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        if (!wait && !reader.GetBoolean(0))
            return null;
        await reader.NextResultAsync(cancellationToken);
        var records = new List<OutboxRecord>();
        while (await reader.ReadAsync(cancellationToken))
            records.Add(ReadRecord(reader));
        return records;
    }

    private static OutboxRecord ReadRecord(NpgsqlDataReader r) => new(r.GetInt64(0), OutboxKinds.Read(r.GetString(1), r.GetString(2)));

    private sealed class OutboxClaim(PostgresStore store, NpgsqlConnection connection, GrainId source, IReadOnlyList<OutboxRecord> records) : IOutboxClaim
    {
        public IReadOnlyList<OutboxRecord> Records => records;

        public async Task CompleteAsync(long throughSequence)
        {
            try
            {
                await using var batch = new NpgsqlBatch(connection);
                // Losing this in a crash means delivering once more, which is allowed.
                batch.BatchCommands.Add(new NpgsqlBatchCommand("SET LOCAL synchronous_commit = off"));
                batch.BatchCommands.Add(PostgresConnections.Statement(
                    "DELETE FROM outbox WHERE source_type = $1 AND source_key = $2 AND seq <= $3", source.Type, source.Key, throughSequence));
                batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
                await batch.ExecuteNonQueryAsync(CancellationToken.None);
            }
            catch (Exception e)
            {
                throw store.connections.Failed(e);
            }
        }

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
