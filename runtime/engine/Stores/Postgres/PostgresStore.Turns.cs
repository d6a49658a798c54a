using System.Globalization;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore
{
    private const string Begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
    private const string LockRow = "SELECT version, state FROM grains WHERE type = $1 AND key = $2 FOR UPDATE";

    // A statement of its own, after the one that waits for the lock: its time is not from before the wait.
    private const string Moment = "SELECT clock_timestamp(), pg_postmaster_start_time(), epoch FROM store_epoch";

    private static NpgsqlBatchCommand Lock(GrainId grain) => PostgresConnections.Statement(LockRow, grain.Type, grain.Key);

    private async Task<ITurnSession> ReadAsync(GrainId grain, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            SELECT clock_timestamp(), pg_postmaster_start_time(), e.epoch, g.version, g.state
            FROM store_epoch e LEFT JOIN grains g ON g.type = $1 AND g.key = $2
            """;
        while (true)
        {
            await using var connection = await connections.OpenAsync(cancellationToken);
            await using (var batch = new NpgsqlBatch(connection) { BatchCommands = { PostgresConnections.Statement(Sql, grain.Type, grain.Key) } })
            await using (var reader = await batch.ExecuteReaderAsync(cancellationToken))
            {
                await reader.ReadAsync(cancellationToken);
                var moment = ReadMoment(reader);
                if (epoch.IsCurrent(moment))
                {
                    var (state, version) = reader.IsDBNull(3) || reader.IsDBNull(4) ? (null, 0) : (reader.GetString(4), reader.GetInt64(3));
                    connections.Succeeded();
                    return new Session(this, null, grain, new(0, version, state), moment);
                }
            }

            await epoch.CatchUpAsync(connection, cancellationToken);
        }
    }

    private async Task<ITurnSession> LockAsync(GrainId grain, CancellationToken cancellationToken)
    {
        while (true)
        {
            var connection = await connections.OpenAsync(cancellationToken);
            try
            {
                var (row, moment) = await LockAsync(connection, grain, begins: true, cancellationToken);
                if (!epoch.IsCurrent(moment))
                {
                    await RollBackAsync(connection);
                    await epoch.CatchUpAsync(connection, cancellationToken);
                    await connection.DisposeAsync();
                    continue;
                }

                if (row is null)
                    (row, moment) = await MakeRowAsync(connection, grain, cancellationToken);
                connections.Succeeded();
                return new Session(this, connection, grain, new(0, row!.Value.Version, row.Value.State), moment);
            }
            catch
            {
                await connection.DisposeAsync();
                throw;
            }
        }
    }

    /// <summary>Locks the grain's row; null where there is none.</summary>
    private async Task<((string? State, long Version)? Row, PostgresMoment Moment)> LockAsync(
        NpgsqlConnection connection, GrainId grain, bool begins, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        if (begins)
            AddBegin(batch);
        batch.BatchCommands.Add(Lock(grain));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Moment));
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        if (begins && connections.Settings is not null)
            await reader.NextResultAsync(cancellationToken);
        (string?, long)? row = await reader.ReadAsync(cancellationToken) ? (reader.IsDBNull(1) ? null : reader.GetString(1), reader.GetInt64(0)) : null;
        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return (row, ReadMoment(reader));
    }

    // The row is there for its lock only: without a write it goes with the transaction. Who comes second waits for who came
    // first at the insert, and then finds its row.
    private async Task<((string? State, long Version)? Row, PostgresMoment Moment)> MakeRowAsync(NpgsqlConnection connection, GrainId grain, CancellationToken cancellationToken)
    {
        await using (var batch = new NpgsqlBatch(connection))
        {
            batch.BatchCommands.Add(PostgresConnections.Statement(
                "INSERT INTO grains (type, key, version) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING", grain.Type, grain.Key));
            await batch.ExecuteNonQueryAsync(cancellationToken);
        }

        return await LockAsync(connection, grain, begins: false, cancellationToken);
    }

    private void AddBegin(NpgsqlBatch batch)
    {
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Begin));
        if (connections.Settings is { } settings)
#pragma warning disable CA2100 // Made of numbers.
            batch.BatchCommands.Add(new NpgsqlBatchCommand(settings));
#pragma warning restore CA2100
    }

    private DateTimeOffset Now(PostgresMoment moment) => options.UseDatabaseClock ? moment.Now : time.GetUtcNow();

    // A version that a crash may take back could be another's after it.
    private void Keep(GrainId grain, long version, PostgresMoment moment, object document, bool mayBeLost)
    {
        if (!mayBeLost)
            documents.Put(grain, new WrittenDocument(version, PostgresEpoch.Name(moment.Epoch), document));
    }

    private static PostgresMoment ReadMoment(NpgsqlDataReader r) =>
        new(r.GetFieldValue<DateTimeOffset>(0), r.GetFieldValue<DateTimeOffset>(1), r.GetGuid(2));

    private static async Task RollBackAsync(NpgsqlConnection connection)
    {
        await using var command = new NpgsqlCommand("ROLLBACK", connection);
        await command.ExecuteNonQueryAsync(CancellationToken.None);
    }

    /// <summary>
    /// A turn. Until its first write it holds the grain's row locked in a transaction; that write commits it. What lost its
    /// connection lost its transaction, and what writes again does so by version.
    /// </summary>
    private sealed class Session(PostgresStore store, NpgsqlConnection? locked, GrainId grain, LockedRow stored, PostgresMoment moment) : ITurnSession
    {
        private readonly bool readOnly = locked is null;
        private NpgsqlConnection? connection = locked;
        private long version = stored.Version;
        private bool mayBeLost;

        public string? State { get; private set; } = stored.State;

        public string? ETag => version == 0 ? null : version.ToString(CultureInfo.InvariantCulture);

        public DateTimeOffset Now { get; } = store.Now(moment);

        public bool TellsNews => store.bus is not null;

        public Task<StoredReminder?> FindReminderAsync(string name) => store.FindReminderAsync(connection, grain, name);

        public async Task ReloadAsync()
        {
            // Within the transaction the locked row cannot have changed.
            if (connection is null)
                (State, version) = await store.LoadAsync(grain);
        }

        public async Task CommitAsync(GrainWrite write)
        {
            if (readOnly)
                throw new InvalidOperationException($"a turn of {grain.Type} that is marked as reading only writes");
            var holding = connection;
            connection = null;
            try
            {
                await using var open = holding ?? await store.connections.OpenAsync(CancellationToken.None);
                await store.CommitAsync(open, begins: holding is null, [new TurnWrite(grain, version, write)]);
            }
            catch (Exception e)
            {
                throw store.connections.Failed(e);
            }

            if (write.State is not null)
                (State, version, mayBeLost) = (write.State, version + 1, write.MayBeLost);
        }

        public void Keep(object document) => store.Keep(grain, version, moment, document, mayBeLost);

        public async ValueTask DisposeAsync()
        {
            // Nothing was written: closing rolls back, and with that unlocks.
            if (connection is { } open)
            {
                connection = null;
                await store.connections.CloseAsync(open);
            }
        }
    }
}

/// <summary>The database's time, when its server started, and its epoch.</summary>
internal sealed record PostgresMoment(DateTimeOffset Now, DateTimeOffset ServerStarted, Guid Epoch);
