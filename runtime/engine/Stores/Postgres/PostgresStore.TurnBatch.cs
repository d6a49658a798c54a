using System.Globalization;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore
{
    /// <summary>Turns that hold their rows in one transaction: once each has said what it writes, or that it writes nothing, it commits. Thread-safe.</summary>
    private sealed class TurnBatch(PostgresStore store, NpgsqlConnection connection, int turns)
    {
        private readonly Lock gate = new();
        private readonly List<BatchedWrite> writes = [];
        private TaskCompletionSource allDecided = NewSignal();
        private int undecided = turns;
        private bool isCommitting;

        /// <summary>One turn's write; completes when it is committed.</summary>
        /// <param name="write">What it writes.</param>
        /// <param name="joined">Where the turn takes another's message.</param>
        public Task WriteAsync(TurnWrite write, JoinedTurn? joined)
        {
            var done = NewSignal();
            lock (gate)
                writes.Add(new(write, joined, done));
            joined?.IsDelivered = true;
            Decided();
            return done.Task;
        }

        /// <summary>One turn has written, or will not.</summary>
        public void Decided()
        {
            if (Interlocked.Decrement(ref undecided) > 0)
                return;
            if (!isCommitting)
                store.BatchDecided();
            isCommitting = true;
            allDecided.SetResult();
        }

        /// <summary>Waits for all turns and commits. Each learns how its own write went; nothing is thrown here.</summary>
        public async Task CompleteAsync()
        {
            await allDecided.Task;
            var own = writes.Count;
            try
            {
                await JoinAsync();
                if (writes.Count > 0)
                    await store.CommitAsync(connection, begins: false, [.. writes.Select(w => w.Write)]);
                foreach (var write in writes)
                    write.Done.SetResult();
            }
            catch (PostgresException e) when (writes.Count > 1 && !PostgresErrors.IsOutage(e))
            {
                // The database said no, so nothing is written: one of them must not take the others with it. Their rows are no
                // longer locked, and each writes by its version, as every second write of a turn does. Who joined does not: without
                // the message that it takes it would write what nobody has said.
                await store.connections.CloseAsync(connection);
                FailJoined(e);
                await Task.WhenAll(writes.Take(own).Select(w => WriteAloneAsync(w.Write, w.Done)));
            }
            catch (Exception e)
            {
                FailJoined(e);
                foreach (var write in writes.Take(own))
                    write.Done.SetException(store.connections.Failed(e));
            }
            finally
            {
                await store.connections.CloseAsync(connection);
            }
        }

        /// <summary>Has turns that take what these write join them, as far as their grains are free.</summary>
        private async Task JoinAsync()
        {
            List<JoinedTurn> joins = [.. writes.SelectMany(w => w.Write.Write.Joins).Where(j => j.TryEnter())];
            if (joins.Count == 0)
                return;
            List<LockedRow> rows;
            PostgresMoment moment;
            (GrainId Grain, WrittenDocument? Known)[] wanted = [.. joins.Select(j => (j.Taker, store.documents.Take(j.Taker, store.epoch.Current)))];
            try
            {
                await using var batch = new NpgsqlBatch(connection);
                (rows, moment) = await LockAsync(batch, wanted);
                // The state of a document that this process has was not sent; and of another epoch it is no document of this one.
                if (Array.Exists(wanted, w => w.Known is { } known && known.Epoch != PostgresEpoch.Name(moment.Epoch)))
                    rows = [];
            }
            catch
            {
                foreach (var join in joins)
                    join.Leave();
                throw;
            }

            // One more than they are, so that they have not decided before all have begun.
            (allDecided, undecided) = (NewSignal(), rows.Count + 1);
            foreach (var row in rows)
            {
                var (join, known) = (joins[row.Place], wanted[row.Place].Known);
                var document = known?.Version == row.Version ? known.Document : null;
                _ = join.RunAsync(new BatchedSession(store, this, join.Taker, row, document, moment, join));
            }

            foreach (var other in joins.Where((_, place) => !rows.Exists(r => r.Place == place)))
                other.Leave();
            Decided();
            await allDecided.Task;
        }

        /// <summary>What they take is there still, and is delivered as every message is.</summary>
        private void FailJoined(Exception e)
        {
            foreach (var write in writes.Where(w => w.Joined is not null))
            {
                write.Joined!.IsDelivered = false;
                write.Done.SetException(store.connections.Failed(e));
            }
        }

        private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

        private async Task WriteAloneAsync(TurnWrite write, TaskCompletionSource done)
        {
            try
            {
                await using (var open = await store.connections.OpenAsync(CancellationToken.None))
                    await store.CommitAsync(open, begins: true, [write]);
                done.SetResult();
            }
            catch (Exception e)
            {
                done.SetException(store.connections.Failed(e));
            }
        }
    }

    /// <summary>A turn whose row is held by its batch until the first write, which is the batch's.</summary>
    private sealed class BatchedSession(
        PostgresStore store, TurnBatch holds, GrainId grain, LockedRow stored, object? document, PostgresMoment moment, JoinedTurn? joined = null) : ITurnSession
    {
        private TurnBatch? batch = holds;
        private long version = stored.Version;
        private bool mayBeLost;

        public string? State { get; private set; } = stored.State;

        public object? Document { get; private set; } = document;

        public string? ETag => version == 0 ? null : version.ToString(CultureInfo.InvariantCulture);

        public DateTimeOffset Now { get; } = store.Now(moment);

        public bool TellsNews => store.bus is not null;

        // The batch's connection serves all its turns, one of which may be writing; a grain's reminders change in its turns only.
        public Task<StoredReminder?> FindReminderAsync(string name) => store.FindReminderAsync(null, grain, name);

        public async Task ReloadAsync()
        {
            // Within the transaction the locked row cannot have changed.
            if (batch is null || Document is not null)
                (State, version) = await store.LoadAsync(grain);
            Document = null;
        }

        public async Task CommitAsync(GrainWrite write)
        {
            var mine = new TurnWrite(grain, version, write);
            if (batch is { } first)
            {
                batch = null;
                await first.WriteAsync(mine, joined);
            }
            else
            {
                await store.CommitAsync(mine);
            }

            if (write.State is not null)
                (State, Document, version, mayBeLost) = (write.State, null, version + 1, write.MayBeLost);
        }

        public void Keep(object document) => store.Keep(grain, version, moment, document, mayBeLost);

        public async ValueTask DisposeAsync()
        {
            if (batch is not { } undecided)
                return;
            batch = null;
            undecided.Decided();
            // Whoever called the turn goes on on a thread of its own: this one has the batch's other turns to begin.
            await Task.Yield();
        }
    }

    private readonly record struct BatchedWrite(TurnWrite Write, JoinedTurn? Joined, TaskCompletionSource Done);

    /// <summary>What a turn writes, and over which version of its grain.</summary>
    private readonly record struct TurnWrite(GrainId Grain, long Version, GrainWrite Write);
}
