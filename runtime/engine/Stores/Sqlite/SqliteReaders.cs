using System.Collections.Concurrent;

namespace JitGrains.Runtime.Engine;

/// <summary>A few connections for reading, each used by one read at a time. Thread-safe.</summary>
internal sealed class SqliteReaders(string path, int connections) : IDisposable
{
    private readonly SemaphoreSlim places = new(connections, connections);
    private readonly ConcurrentBag<Db> idle = [];

    /// <summary>Reads what is committed when the read begins.</summary>
    public async Task<T> ReadAsync<T>(Func<Db, T> read, CancellationToken cancellationToken = default)
    {
        await places.WaitAsync(cancellationToken);
        try
        {
            if (!idle.TryTake(out var db))
                db = Db.Open(path, writer: false);
            try
            {
                return read(db);
            }
            finally
            {
                idle.Add(db);
            }
        }
        finally
        {
            places.Release();
        }
    }

    public void Dispose()
    {
        while (idle.TryTake(out var db))
            db.Dispose();
    }
}
