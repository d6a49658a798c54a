using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The one writer: a thread that puts all writes that wait into one transaction, so that a sync of the disk is paid once
/// for many. Each write has a savepoint and fails alone; if the transaction fails, all of it does. Thread-safe.
/// </summary>
internal sealed partial class SqliteWriter : IDisposable
{
    private readonly string path;
    private readonly int maxBatch;
    private readonly TimeProvider time;
    private readonly EngineTelemetry telemetry;
    private readonly ILogger logger;
    private readonly SemaphoreSlim places;

    /// <summary>Its own lock. Who waits here sleeps at once: between two writes a blocking collection spun for longer than a write takes.</summary>
    private readonly Queue<Write> queue = new();
    private readonly Thread thread;
    private bool isClosed;
    private Db? db;

    public SqliteWriter(string path, GrainEngineOptions options, TimeProvider time, EngineTelemetry telemetry, ILogger logger)
    {
        (this.path, this.time, this.telemetry, this.logger) = (path, time, telemetry, logger);
        maxBatch = options.MaxWritesPerCommit;
        places = new SemaphoreSlim(options.WriteQueueCapacity, options.WriteQueueCapacity);
        telemetry.Observe("jitgrains.store.queue.depth", "{write}", "Writes that wait for the store's writer", () => options.WriteQueueCapacity - places.CurrentCount);
        db = Db.Open(path, writer: true);
        thread = new Thread(Run) { IsBackground = true, Name = "store writer" };
        thread.Start();
    }

    /// <summary>How the last transaction went.</summary>
    public StoreHealth Health { get => Volatile.Read(ref field); private set => Volatile.Write(ref field, value); } = StoreHealth.Good;

    /// <summary>
    /// Runs the work in a transaction; completes when that is durable. Cancels only the wait for a place in the queue.
    /// What the work throws undoes the work and is thrown here; a transaction that fails is a <see cref="StoreUnavailableException"/>.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<Db, T> work, CancellationToken cancellationToken = default)
    {
        await places.WaitAsync(cancellationToken);
        var write = new Write<T>(work);
        if (!TryAdd(write))
        {
            // Whoever waits behind this one hears it too.
            places.Release();
            throw new StoreUnavailableException("The store is closed.");
        }

        return await write.Done;
    }

    /// <summary>Finishes what is queued, and closes.</summary>
    public void Dispose()
    {
        lock (queue)
        {
            isClosed = true;
            Monitor.Pulse(queue);
        }

        thread.Join();
        db?.Dispose();
    }

    private bool TryAdd(Write write)
    {
        lock (queue)
        {
            if (isClosed)
                return false;
            queue.Enqueue(write);
            Monitor.Pulse(queue);
            return true;
        }
    }

    /// <summary>All that waits, or as much as one transaction takes; false once it is closed and nothing is left.</summary>
    private bool TryTake(List<Write> batch)
    {
        lock (queue)
        {
            while (queue.Count == 0)
            {
                if (isClosed)
                    return false;
                Monitor.Wait(queue);
            }

            while (batch.Count < maxBatch && queue.TryDequeue(out var next))
                batch.Add(next);
            return true;
        }
    }

    private void Run()
    {
        var batch = new List<Write>(maxBatch);
        while (TryTake(batch))
        {
            places.Release(batch.Count);
            Commit(batch);
            batch.Clear();
        }
    }

    private void Commit(List<Write> batch)
    {
        var started = time.GetTimestamp();
        Exception? failure = null;
        try
        {
            db ??= Db.Open(path, writer: true);
            db.Execute("BEGIN IMMEDIATE");
            foreach (var write in batch)
                RunOne(db, write);
            db.Execute("COMMIT");
        }
        catch (Exception e)
        {
            failure = new StoreUnavailableException($"The store did not take a write: {e.Message}", e);
            Rollback();
        }

        telemetry.Committed(batch.Count, time.GetElapsedTime(started), failure is null);
        if (failure is not null)
        {
            LogCommitFailed(logger, failure, batch.Count);
            Health = new StoreHealth(false, failure.Message);
        }
        else if (batch.Exists(w => w.Failure is null))
        {
            Health = StoreHealth.Good;
        }

        foreach (var write in batch)
            write.Complete(failure);
    }

    private static void RunOne(Db db, Write write)
    {
        db.Execute("SAVEPOINT w");
        try
        {
            write.Run(db);
        }
        catch (Exception e) when (db.InTransaction && !IsStoreFailure(e))
        {
            write.Failure = e;
            db.Execute("ROLLBACK TO w");
        }

        db.Execute("RELEASE w");
    }

    // Anything else is the write's own: a constraint, a version that moved on, a bug.
    private static bool IsStoreFailure(Exception e) =>
        e is SqliteException { SqliteErrorCode: not (SQLitePCL.raw.SQLITE_CONSTRAINT or SQLitePCL.raw.SQLITE_ERROR or SQLitePCL.raw.SQLITE_MISMATCH or SQLitePCL.raw.SQLITE_TOOBIG) };

    private void Rollback()
    {
        try
        {
            if (db is { InTransaction: true })
                db.Execute("ROLLBACK");
        }
        catch (SqliteException e)
        {
            // The next transaction begins on a new connection.
            LogRollbackFailed(logger, e);
            db?.Dispose();
            db = null;
        }
    }

    private abstract class Write
    {
        /// <summary>What this write alone threw.</summary>
        public Exception? Failure { get; set; }

        public abstract void Run(Db db);

        public abstract void Complete(Exception? commitFailure);
    }

    private sealed class Write<T>(Func<Db, T> work) : Write
    {
        private readonly TaskCompletionSource<T> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T? result;

        public Task<T> Done => done.Task;

        public override void Run(Db db) => result = work(db);

        public override void Complete(Exception? commitFailure)
        {
            if ((Failure ?? commitFailure) is { } failure)
                done.SetException(failure);
            else
                done.SetResult(result!);
        }
    }
}
