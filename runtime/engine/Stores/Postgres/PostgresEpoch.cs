using Npgsql;
using NpgsqlTypes;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The database's epoch (docs/decisions). Every turn learns when the server started and which epoch it is in; where either
/// is news, this finds out what happened before the turn goes on. A server that merely started again still has every place
/// in its log that this process has seen written; one that was set back, or stood in for another, does not, or has another
/// timeline. Thread-safe.
/// </summary>
internal sealed class PostgresEpoch : IStoreEpoch, IDisposable
{
    private readonly SemaphoreSlim gate = new(1, 1);
    private Known? known;
    private long furthest;

    /// <summary>The epoch; <c>none</c> before the database was first reached.</summary>
    public string Current { get => Volatile.Read(ref field); private set => Volatile.Write(ref field, value); } = "none";

    public event EventHandler? Changed;

    /// <summary>Whether nothing has happened since the last <see cref="CatchUpAsync"/>.</summary>
    public bool IsCurrent(PostgresMoment moment) =>
        Volatile.Read(ref known) is { } last && last.Epoch == moment.Epoch && last.ServerStarted == moment.ServerStarted;

    /// <summary>An epoch as <see cref="Current"/> has it.</summary>
    public static string Name(Guid epoch) => epoch.ToString("N");

    /// <summary>The server's log is on its disk up to here.</summary>
    public void Saw(NpgsqlLogSequenceNumber position)
    {
        var now = (long)(ulong)position;
        for (var last = Interlocked.Read(ref furthest); now > last; last = Interlocked.Read(ref furthest))
        {
            if (Interlocked.CompareExchange(ref furthest, now, last) == last)
                return;
        }
    }

    /// <summary>Finds out whether the store went back, begins another epoch if so, and raises <see cref="Changed"/> where there is one.</summary>
    public async Task CatchUpAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            // Before the server is asked: turns go on meanwhile, and what they see written is further than its answer.
            var seen = Interlocked.Read(ref furthest);
            var found = await ReadAsync(connection, cancellationToken);
            while (WentBack(found, seen))
            {
                await using (var begin = new NpgsqlCommand("SELECT begin_epoch($1)", connection))
                {
                    begin.Parameters.Add(new NpgsqlParameter { Value = Math.Max(found.Number, known?.Number ?? 0) });
                    await begin.ExecuteNonQueryAsync(cancellationToken);
                }

                found = await ReadAsync(connection, cancellationToken);
            }

            Take(found);
        }
        finally
        {
            gate.Release();
        }
    }

    public void Dispose() => gate.Dispose();

    private bool WentBack(Found found, long seen)
    {
        if (found.Timeline != found.ServerTimeline)
            return true;
        if (known is not { } last)
            return false;
        // Another epoch than ours: begun by another process that noticed first, or what an older copy remembers.
        return found.Epoch == last.Epoch ? found.Position < seen : found.Number <= last.Number;
    }

    private void Take(Found found)
    {
        var isAnother = known is { } last && last.Epoch != found.Epoch;
        Interlocked.Exchange(ref furthest, isAnother ? found.Position : Math.Max(found.Position, Interlocked.Read(ref furthest)));
        Current = Name(found.Epoch);
        // Before any turn gets past IsCurrent.
        if (isAnother)
            Changed?.Invoke(this, EventArgs.Empty);
        Volatile.Write(ref known, new Known(found.Number, found.Epoch, found.ServerStarted));
    }

    private static async Task<Found> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string Sql =
            """
            SELECT number, epoch, timeline, left(pg_walfile_name(pg_current_wal_lsn()), 8), pg_postmaster_start_time(), pg_current_wal_flush_lsn()
            FROM store_epoch
            """;
        await using var command = new NpgsqlCommand(Sql, connection);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
            throw new StoreOpenException("The database has lost its epoch (the table store_epoch is empty); restore it from a backup.");
        return new Found(
            reader.GetInt64(0),
            reader.GetGuid(1),
            reader.GetString(2),
            reader.GetString(3),
            reader.GetFieldValue<DateTimeOffset>(4),
            (long)(ulong)reader.GetFieldValue<NpgsqlLogSequenceNumber>(5));
    }

    private sealed record Known(long Number, Guid Epoch, DateTimeOffset ServerStarted);

    private sealed record Found(long Number, Guid Epoch, string Timeline, string ServerTimeline, DateTimeOffset ServerStarted, long Position);
}
