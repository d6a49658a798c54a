using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore
{
    /// <summary>A write in a transaction of its own.</summary>
    private async Task CommitAsync(TurnWrite write)
    {
        try
        {
            await using var open = await connections.OpenAsync(CancellationToken.None);
            await CommitAsync(open, begins: true, [write]);
        }
        catch (Exception e)
        {
            throw connections.Failed(e);
        }
    }

    /// <summary>All that these turns write, and its commit, in one round trip.</summary>
    private async Task CommitAsync(NpgsqlConnection connection, bool begins, TurnWrite[] writes)
    {
        var started = time.GetTimestamp();
        var committed = false;
        NpgsqlBatchCommand? news = null;
        var all = new PostgresWrite(known);
        try
        {
            await using var batch = new NpgsqlBatch(connection);
            if (begins)
                AddBegin(batch);
            if (writes.All(w => w.Write.MayBeLost))
                batch.BatchCommands.Add(new NpgsqlBatchCommand("SET LOCAL synchronous_commit = off"));
            foreach (var (grain, version, write) in writes)
            {
                if (write.State is not null)
                    all.AddState(grain, version, write.State);
                all.Add(grain, write.Left);
                all.Add(grain, write.Reminders);
            }

            // The server takes open executions for next to none, as they are after each of its clean-ups, and would read through all that are
            // gone since, for every write. It plans for a long time, so it is told each time.
            if (all.EndsExecutions)
                batch.BatchCommands.Add(new NpgsqlBatchCommand("SET LOCAL enable_seqscan = off"));
            batch.BatchCommands.Add(all.Build());
            batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
            // After the commit, and so at or after its place in the log.
            batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT pg_current_wal_flush_lsn()"));
            if (bus is not null && writes.Any(w => w.Write.News.Count > 0))
            {
                // In a transaction of its own, which the server begins and ends by itself: within the turns' one it would hold up every
                // other that notifies until this one is on the disk.
                var (channels, payloads) = bus.Print(writes.SelectMany(w => w.Write.News));
                batch.BatchCommands.Add(news = PostgresConnections.Statement(PostgresBus.Notify, channels, payloads));
            }

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
            all.Committed();
            connections.Succeeded();
        }
        catch (PostgresException e) when (news is not null && e.BatchCommand == news)
        {
            // What was written is committed, and whoever waits for the news looks by itself.
            committed = true;
            all.Committed();
            bus!.NotTold(e);
        }
        catch (PostgresException e) when (writes.Length == 1 && e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "audit_entries_pkey" })
        {
            throw new AuditConflictException($"an audit chain of a {writes[0].Grain.Type} holds another entry in this place", e);
        }
        finally
        {
            telemetry.Committed(writes.Length, time.GetElapsedTime(started), committed);
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
