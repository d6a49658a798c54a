using JitGrains.Outbox;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore
{
    /// <summary>All of a write, and its commit, in one round trip.</summary>
    private async Task CommitAsync(NpgsqlConnection connection, bool begins, GrainId grain, long version, GrainWrite write)
    {
        var started = time.GetTimestamp();
        var committed = false;
        try
        {
            await using var batch = new NpgsqlBatch(connection);
            if (begins)
                AddBegin(batch);
            if (write.MayBeLost)
                batch.BatchCommands.Add(new NpgsqlBatchCommand("SET LOCAL synchronous_commit = off"));
            if (write.State is not null)
                batch.BatchCommands.Add(PostgresConnections.Statement("SELECT write_grain($1, $2, $3, $4)", grain.Type, grain.Key, version, write.State));
            AddOutbox(batch, grain, [.. write.Outbox.Where(r => !r.Message.IsRow)]);
            new PostgresRows(batch).Add(write.Outbox);
            AddReminders(batch, grain, write.Reminders);
            batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
            // After the commit, and so at or after its place in the log.
            batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT pg_current_wal_flush_lsn()"));
            await using (var reader = await batch.ExecuteReaderAsync(CancellationToken.None))
            {
                var position = default(NpgsqlTypes.NpgsqlLogSequenceNumber);
                do
                {
                    while (await reader.ReadAsync(CancellationToken.None))
                    {
                        if (!reader.IsDBNull(0) && reader.GetFieldType(0) == typeof(NpgsqlTypes.NpgsqlLogSequenceNumber))
                            position = reader.GetFieldValue<NpgsqlTypes.NpgsqlLogSequenceNumber>(0);
                    }
                }
                while (await reader.NextResultAsync(CancellationToken.None));
                epoch.Saw(position);
            }

            committed = true;
            connections.Succeeded();
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "audit_entries_pkey" })
        {
            throw new AuditConflictException($"an audit chain of a {grain.Type} holds another entry in this place", e);
        }
        finally
        {
            telemetry.Committed(1, time.GetElapsedTime(started), committed);
        }
    }

    private static void AddOutbox(NpgsqlBatch batch, GrainId grain, OutboxRecord[] records)
    {
        if (records.Length == 0)
            return;
        batch.BatchCommands.Add(PostgresConnections.Statement(
            "INSERT INTO outbox (source_type, source_key, seq, kind, message) SELECT $1, $2, * FROM unnest($3::bigint[], $4::text[], $5::text[])",
            grain.Type,
            grain.Key,
            records.Select(r => r.Sequence).ToArray(),
            records.Select(r => OutboxKinds.Of(r.Message)).ToArray(),
            records.Select(r => StoreJson.Print(r.Message)).ToArray()));
    }

    private static void AddReminders(NpgsqlBatch batch, GrainId grain, IReadOnlyList<ReminderChange> changes)
    {
        foreach (var change in changes)
        {
            batch.BatchCommands.Add(change.Due is { UtcTicks: var due }
                ? PostgresConnections.Statement(
                    // A registration number of its own, and nobody's claim.
                    """
                    INSERT INTO reminders (type, key, name, first_due, due, period) VALUES ($1, $2, $3, $4, $4, $5)
                    ON CONFLICT (type, key, name) DO UPDATE SET
                        registration = excluded.registration, first_due = excluded.first_due, due = excluded.due, period = excluded.period, claimed_until = 0
                    """,
                    grain.Type, grain.Key, change.Name, due, change.Period.Ticks)
                : PostgresConnections.Statement("DELETE FROM reminders WHERE type = $1 AND key = $2 AND name = $3", grain.Type, grain.Key, change.Name));
        }
    }

    private async Task<(string? State, long Version)> LoadAsync(GrainId grain) =>
        await OneAsync(
            "SELECT state, version FROM grains WHERE type = $1 AND key = $2 AND version > 0",
            r => ((string?)r.GetString(0), r.GetInt64(1)),
            CancellationToken.None,
            grain.Type,
            grain.Key);
}
