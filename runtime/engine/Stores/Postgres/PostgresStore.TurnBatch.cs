using System.Globalization;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore
{
    /// <summary>Turns that hold their rows in one transaction: once each has said what it writes, or that it writes nothing, it commits. Thread-safe.</summary>
    private sealed class TurnBatch(PostgresStore store, NpgsqlConnection connection, int turns)
    {
        private readonly Lock gate = new();
        private readonly List<(TurnWrite Write, TaskCompletionSource Done)> writes = [];
        private readonly TaskCompletionSource allDecided = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int undecided = turns;

        /// <summary>One turn's write; completes when it is committed.</summary>
        public Task WriteAsync(TurnWrite write)
        {
            var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            lock (gate)
                writes.Add((write, done));
            Decided();
            return done.Task;
        }

        /// <summary>One turn has written, or will not.</summary>
        public void Decided()
        {
            if (Interlocked.Decrement(ref undecided) > 0)
                return;
            store.BatchDecided();
            allDecided.SetResult();
        }

        /// <summary>Waits for all turns and commits. Each learns how its own write went; nothing is thrown here.</summary>
        public async Task CompleteAsync()
        {
            await allDecided.Task;
            try
            {
                if (writes.Count > 0)
                    await store.CommitAsync(connection, begins: false, [.. writes.Select(w => w.Write)]);
                foreach (var (_, done) in writes)
                    done.SetResult();
            }
            catch (PostgresException e) when (writes.Count > 1 && !PostgresErrors.IsOutage(e))
            {
                // The database said no, so nothing is written: one of them must not take the others with it. Their rows are no
                // longer locked, and each writes by its version, as every second write of a turn does.
                await store.connections.CloseAsync(connection);
                await Task.WhenAll(writes.Select(w => WriteAloneAsync(w.Write, w.Done)));
            }
            catch (Exception e)
            {
                foreach (var (_, done) in writes)
                    done.SetException(store.connections.Failed(e));
            }
            finally
            {
                await store.connections.CloseAsync(connection);
            }
        }

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
        PostgresStore store, TurnBatch joined, GrainId grain, LockedRow stored, object? document, PostgresMoment moment) : ITurnSession
    {
        private TurnBatch? batch = joined;
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
                await first.WriteAsync(mine);
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

    /// <summary>What a turn writes, and over which version of its grain.</summary>
    private readonly record struct TurnWrite(GrainId Grain, long Version, GrainWrite Write);
}
