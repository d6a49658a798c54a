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
            if (Interlocked.Decrement(ref undecided) == 0)
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
    private sealed class BatchedSession(PostgresStore store, TurnBatch joined, GrainId grain, string? stored, long storedVersion, DateTimeOffset now) : ITurnSession
    {
        private TurnBatch? batch = joined;
        private long version = storedVersion;

        public string? State { get; private set; } = stored;

        public string? ETag => version == 0 ? null : version.ToString(CultureInfo.InvariantCulture);

        public DateTimeOffset Now => now;

        // The batch's connection serves all its turns, one of which may be writing; a grain's reminders change in its turns only.
        public Task<StoredReminder?> FindReminderAsync(string name) => store.FindReminderAsync(null, grain, name);

        public async Task ReloadAsync()
        {
            // Within the transaction the locked row cannot have changed.
            if (batch is null)
                (State, version) = await store.LoadAsync(grain);
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
                (State, version) = (write.State, version + 1);
        }

        public ValueTask DisposeAsync()
        {
            batch?.Decided();
            batch = null;
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>What a turn writes, and over which version of its grain.</summary>
    private readonly record struct TurnWrite(GrainId Grain, long Version, GrainWrite Write);
}
