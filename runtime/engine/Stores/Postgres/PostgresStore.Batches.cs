using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Turns of different grains that wait at the same time share a transaction: their rows are locked by one statement, each
/// decides by itself, and one statement and one commit write what all of them decided. A turn that finds nobody else goes at
/// once. So the dearer a transaction is just then, the more of them share one. A batch begins when
/// the turns of the one before it have decided, and not earlier: two that gather turns at the same time would each be half as large.
/// While one is being committed, fewer than <see cref="WorthAnother"/> turns wait for its end, and a moment for those who were in it
/// (<see cref="TurnGathering"/>).
/// </summary>
internal sealed partial class PostgresStore
{
    /// <summary>One locks its rows and decides, one is written, one waits for the disk; more would only make each smaller.</summary>
    internal const int BatchesAtOnce = 3;

    /// <summary>
    /// So many turns begin another batch while one is being committed. With fewer, two transactions of half as many cost the database and
    /// this process more than one (a fifth more where that was measured, with 11 clients on a busy machine), and where processors are
    /// what is short everybody waits for that. A turn that is alone seldom meets another's commit: one of 996 that revoked did.
    /// </summary>
    internal const int WorthAnother = 16;

    private const int MostInBatch = 64;

    // Nobody is waited for here: a row that someone else has locked, or that is not there yet, is its own turn's affair, and the
    // others are not held up by it. In a subquery, so that each row is found by the index, whatever the planner takes the number
    // of keys for; and that number it is not to know (OFFSET 0), or it would plan anew each time. A document that this process has
    // already is not sent.
    private const string LockRows =
        """
        SELECT w.place, g.version, CASE WHEN g.version = w.known THEN NULL ELSE g.state END
        FROM (SELECT $1::text[] AS types, $2::text[] AS keys, $3::bigint[] AS known OFFSET 0) a
        CROSS JOIN LATERAL unnest(a.types, a.keys, a.known) WITH ORDINALITY AS w(type, key, known, place)
        CROSS JOIN LATERAL (SELECT version, state FROM grains WHERE type = w.type COLLATE "C" AND key = w.key COLLATE "C" FOR UPDATE SKIP LOCKED) g
        """;

    private readonly Lock batchGate = new();
    private readonly Queue<WaitingTurn> waitingTurns = [];
    private readonly TurnGathering gathering;
    private int batchesRunning;
    private int batchesCommitting;
    private bool isBeginning;

    /// <summary>Joins the next batch; null where the turn has to lock its row by itself.</summary>
    private Task<ITurnSession?> JoinBatchAsync(GrainId grain)
    {
        var turn = new WaitingTurn(grain);
        lock (batchGate)
            waitingTurns.Enqueue(turn);
        BeginNextBatch();
        return turn.Task;
    }

    private void BeginNextBatch()
    {
        if (NextTurns() is { } turns)
            _ = RunBatchAsync(turns);
    }

    private async Task RunBatchAsync(List<WaitingTurn> turns)
    {
        TurnBatch? batch = null;
        try
        {
            batch = await BeginBatchAsync(turns);
            if (batch is not null)
                await batch.CompleteAsync();
        }
        catch (Exception e)
        {
            // Who has begun already has been told by its batch.
            foreach (var turn in turns)
                turn.TrySetException(e);
        }
        finally
        {
            lock (batchGate)
            {
                batchesRunning--;
                // Turns of a batch that did not get as far are not waited for.
                if (batch is not null)
                    batchesCommitting--;
                gathering.Ended(turns.Count, waitingTurns.Count);
            }

            BeginNextBatch();
        }
    }

    /// <summary>All turns of a batch have decided: from here on it takes no longer than the database.</summary>
    private void BatchDecided()
    {
        lock (batchGate)
            batchesCommitting++;
    }

    private List<WaitingTurn>? NextTurns()
    {
        lock (batchGate)
        {
            if (waitingTurns.Count == 0 || isBeginning || batchesRunning == BatchesAtOnce || (batchesCommitting > 0 && waitingTurns.Count < WorthAnother)
                || gathering.IsWorthWaiting(waitingTurns.Count))
            {
                return null;
            }

            gathering.Began();
            isBeginning = true;
            batchesRunning++;
            var turns = new List<WaitingTurn>();
            while (turns.Count < MostInBatch && waitingTurns.TryDequeue(out var turn))
                turns.Add(turn);
            return turns;
        }
    }

    private async Task<TurnBatch?> BeginBatchAsync(List<WaitingTurn> turns)
    {
        try
        {
            while (true)
            {
                var connection = await connections.OpenAsync(CancellationToken.None);
                try
                {
                    foreach (var turn in turns)
                        turn.Known = documents.Take(turn.Grain, epoch.Current);
                    var (rows, moment) = await LockAsync(connection, turns);
                    if (!epoch.IsCurrent(moment) || turns.Exists(t => t.Known is { } known && known.Epoch != PostgresEpoch.Name(moment.Epoch)))
                    {
                        await RollBackAsync(connection);
                        await epoch.CatchUpAsync(connection, CancellationToken.None);
                        await connection.DisposeAsync();
                        continue;
                    }

                    connections.Succeeded();
                    return await BeginAsync(connection, turns, rows, moment);
                }
                catch
                {
                    await connection.DisposeAsync();
                    throw;
                }
            }
        }
        finally
        {
            // Turns decide as they begin, and whatever does not is not waited for.
            lock (batchGate)
                isBeginning = false;
            BeginNextBatch();
        }
    }

    private async Task<TurnBatch?> BeginAsync(NpgsqlConnection connection, List<WaitingTurn> turns, List<LockedRow> rows, PostgresMoment moment)
    {
        if (rows.Count == 0 && turns is [var single])
        {
            // It has a transaction already; whom it waits for in there is no longer this batch's affair.
            _ = single.BeginAloneAsync(() => LockAloneAsync(connection, single.Grain));
            return null;
        }

        if (rows.Count == 0)
            await connections.CloseAsync(connection);
        var batch = rows.Count == 0 ? null : new TurnBatch(this, connection, rows.Count);
        foreach (var row in rows)
        {
            var turn = turns[row.Place];
            var document = turn.Known?.Version == row.Version ? turn.Known.Document : null;
            turn.TrySetResult(new BatchedSession(this, batch!, turn.Grain, row, document, moment));
        }

        foreach (var turn in turns)
            turn.TrySetResult(null);
        return batch;
    }

    private async Task<ITurnSession> LockAloneAsync(NpgsqlConnection connection, GrainId grain)
    {
        try
        {
            var (row, moment) = await MakeRowAsync(connection, grain, CancellationToken.None);
            return new Session(this, connection, grain, new(0, row!.Value.Version, row.Value.State), moment);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private async Task<(List<LockedRow> Rows, PostgresMoment Moment)> LockAsync(NpgsqlConnection connection, List<WaitingTurn> turns)
    {
        await using var batch = new NpgsqlBatch(connection);
        AddBegin(batch);
        return await LockAsync(batch, [.. turns.Select(t => (t.Grain, t.Known))], skips: connections.Settings is null ? 0 : 1);
    }

    private static async Task<(List<LockedRow> Rows, PostgresMoment Moment)> LockAsync(NpgsqlBatch batch, (GrainId Grain, WrittenDocument? Known)[] wanted, int skips = 0)
    {
        batch.BatchCommands.Add(PostgresConnections.Statement(
            LockRows,
            wanted.Select(w => w.Grain.Type).ToArray(),
            wanted.Select(w => w.Grain.Key).ToArray(),
            wanted.Select(w => w.Known?.Version ?? 0).ToArray()));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(Moment));
        await using var reader = await batch.ExecuteReaderAsync(CancellationToken.None);
        for (; skips > 0; skips--)
            await reader.NextResultAsync(CancellationToken.None);
        var rows = new List<LockedRow>(wanted.Length);
        while (await reader.ReadAsync(CancellationToken.None))
            rows.Add(new LockedRow((int)reader.GetInt64(0) - 1, reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetString(2)));
        await reader.NextResultAsync(CancellationToken.None);
        await reader.ReadAsync(CancellationToken.None);
        return (rows, ReadMoment(reader));
    }

    private readonly record struct LockedRow(int Place, long Version, string? State);

    /// <summary>A turn that waits for a batch to take it.</summary>
    private sealed class WaitingTurn(GrainId grain)
    {
        // The turn decides here and now: that is short, and waking another thread for it is dearer. What comes after the turn goes
        // on elsewhere (see BatchedSession).
        private readonly TaskCompletionSource<ITurnSession?> began = new();

        public GrainId Grain => grain;

        /// <summary>The grain's document as this process wrote it last, if it has it.</summary>
        public WrittenDocument? Known { get; set; }

        public Task<ITurnSession?> Task => began.Task;

        public void TrySetResult(ITurnSession? session) => began.TrySetResult(session);

        public void TrySetException(Exception e) => began.TrySetException(e);

        public async Task BeginAloneAsync(Func<Task<ITurnSession>> begin)
        {
            try
            {
                began.SetResult(await begin());
            }
            catch (Exception e)
            {
                began.SetException(e);
            }
        }
    }
}
