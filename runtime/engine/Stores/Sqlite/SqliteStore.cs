using JitGrains.Outbox;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>The store in one SQLite file, owned by this process. Thread-safe.</summary>
internal sealed partial class SqliteStore : IGrainStore, IStoreHealth, IDisposable
{
    private const string ReminderColumns = "registration, type, key, name, first_due, due, period";

    private readonly TimeProvider time;
    private readonly DatabaseFile file;
    private readonly SqliteWriter writer;
    private readonly SqliteReaders readers;
    private bool disposed;

    /// <summary>Opens the file; throws <see cref="StoreOpenException"/> where that cannot be.</summary>
    public SqliteStore(GrainEngineOptions options, TimeProvider time, EngineTelemetry telemetry, ILogger<SqliteStore> logger)
    {
        this.time = time;
        file = DatabaseFile.Open(options.DataFolder!);
        writer = new SqliteWriter(file.Path, options, time, telemetry, logger);
        readers = new SqliteReaders(file.Path, options.ReadConnections);
    }

    public bool IsShared => false;

    public StoreHealth Current => writer.Health;

    internal SqliteWriter Writer => writer;

    internal SqliteReaders Readers => readers;

    public async Task<StoreHealth> CheckAsync(CancellationToken cancellationToken = default)
    {
        if (writer.Health.IsHealthy)
            return writer.Health;
        try
        {
            // Large enough to need room on the disk, and gone when the transaction ends.
            await writer.WriteAsync(
                db => db.Execute("INSERT INTO trial (data) VALUES (zeroblob(65536))") + db.Execute("DELETE FROM trial"), cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            // The writer has noted what is wrong.
        }

        return writer.Health;
    }

    public async Task<ITurnSession> BeginTurnAsync(GrainId grain, bool readOnly, CancellationToken cancellationToken)
    {
        var (state, version) = await LoadAsync(grain, cancellationToken);
        return new Session(this, grain, state, version);
    }

    public async Task<IReadOnlyList<GrainId>> ListOutboxSourcesAsync(CancellationToken cancellationToken) =>
        await readers.ReadAsync(
            db => db.All("SELECT DISTINCT source_type, source_key FROM outbox", r => new GrainId(r.GetString(0), r.GetString(1))), cancellationToken);

    public async Task<IReadOnlyList<OutboxRecord>> ReadOutboxAsync(GrainId source, int limit, CancellationToken cancellationToken) =>
        await readers.ReadAsync(
            db => db.All(
                "SELECT seq, message FROM outbox WHERE source_type = $1 AND source_key = $2 ORDER BY seq LIMIT $3",
                r => new OutboxRecord(r.GetInt64(0), StoreJson.Parse<OutboxMessage>(r.GetString(1))),
                source.Type, source.Key, limit),
            cancellationToken);

    public async Task<IOutboxClaim?> ClaimOutboxAsync(GrainId source, int limit, bool wait, CancellationToken cancellationToken) =>
        new OwnClaim(
            await ReadOutboxAsync(source, limit, cancellationToken),
            through => writer.WriteAsync(
                db => db.Execute("DELETE FROM outbox WHERE source_type = $1 AND source_key = $2 AND seq <= $3", source.Type, source.Key, through)));

    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken) => Task.FromResult(time.GetUtcNow());

    public async Task<IReadOnlyList<StoredReminder>> ReadDueRemindersAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken) =>
        await readers.ReadAsync(
            db => db.All($"SELECT {ReminderColumns} FROM reminders WHERE due <= $1 ORDER BY due, registration LIMIT $2", ReadReminder, now.UtcTicks, limit),
            cancellationToken);

    public Task<DateTimeOffset?> NextReminderAfterAsync(DateTimeOffset time, CancellationToken cancellationToken) =>
        readers.ReadAsync(
            db => db.One("SELECT due FROM reminders WHERE due > $1 ORDER BY due LIMIT 1", r => (DateTimeOffset?)ReadTime(r, 0), time.UtcTicks),
            cancellationToken);

    public Task MoveReminderAsync(StoredReminder reminder, DateTimeOffset due, CancellationToken cancellationToken) =>
        writer.WriteAsync(
            db => db.Execute("UPDATE reminders SET due = $1 WHERE registration = $2", due.UtcTicks, reminder.Registration), cancellationToken);

    public void Dispose()
    {
        // Registered under several interfaces, it is disposed of once for each.
        if (Interlocked.Exchange(ref disposed, true))
            return;

        // The writer closes last: the last connection folds the write-ahead log into the file.
        readers.Dispose();
        writer.Dispose();
        file.Dispose();
    }

    private static StoredReminder ReadReminder(SqliteDataReader r) =>
        new(r.GetInt64(0), new GrainId(r.GetString(1), r.GetString(2)), r.GetString(3), ReadTime(r, 4), ReadTime(r, 5), TimeSpan.FromTicks(r.GetInt64(6)));

    private static DateTimeOffset ReadTime(SqliteDataReader r, int column) => new(r.GetInt64(column), TimeSpan.Zero);

    private Task<(string? State, long Version)> LoadAsync(GrainId grain, CancellationToken cancellationToken = default) =>
        readers.ReadAsync(
            db => db.One(
                "SELECT state, version FROM grains WHERE type = $1 AND key = $2", r => ((string?)r.GetString(0), r.GetInt64(1)), grain.Type, grain.Key),
            cancellationToken);

    private static bool Apply(Db db, GrainId grain, long version, GrainWrite write)
    {
        if (write.State is not null)
        {
            var rows = version == 0
                ? db.Execute(
                    "INSERT INTO grains (type, key, version, state) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING", grain.Type, grain.Key, write.State)
                : db.Execute(
                    "UPDATE grains SET version = version + 1, state = $4 WHERE type = $1 AND key = $2 AND version = $3", grain.Type, grain.Key, version, write.State);
            if (rows != 1)
                throw new InconsistentStateException($"a {grain.Type} was written by another turn");
        }

        foreach (var record in write.Outbox)
        {
            if (record.Message.IsRow)
                ApplyRow(db, record.Message);
            else
            {
                db.Execute(
                    "INSERT INTO outbox (source_type, source_key, seq, message) VALUES ($1, $2, $3, $4)",
                    grain.Type, grain.Key, record.Sequence, StoreJson.Print(record.Message));
            }
        }

        foreach (var change in write.Reminders)
        {
            if (change.Due is { UtcTicks: var due })
            {
                // Replacing gives it a registration number of its own.
                db.Execute(
                    "INSERT OR REPLACE INTO reminders (type, key, name, first_due, due, period) VALUES ($1, $2, $3, $4, $4, $5)",
                    grain.Type, grain.Key, change.Name, due, change.Period.Ticks);
            }
            else
            {
                db.Execute("DELETE FROM reminders WHERE type = $1 AND key = $2 AND name = $3", grain.Type, grain.Key, change.Name);
            }
        }

        return true;
    }

    private sealed class Session(SqliteStore store, GrainId grain, string? stored, long storedVersion) : ITurnSession
    {
        private long version = storedVersion;

        public string? State { get; private set; } = stored;

        public string? ETag => version == 0 ? null : version.ToString();

        public DateTimeOffset Now { get; } = store.time.GetUtcNow();

        public Task<StoredReminder?> FindReminderAsync(string name) =>
            store.readers.ReadAsync(db => db.One(
                $"SELECT {ReminderColumns} FROM reminders WHERE type = $1 AND key = $2 AND name = $3", ReadReminder, grain.Type, grain.Key, name));

        public async Task ReloadAsync() => (State, version) = await store.LoadAsync(grain);

        public async Task CommitAsync(GrainWrite write)
        {
            var expected = version;
            await store.writer.WriteAsync(db => Apply(db, grain, expected, write));
            if (write.State is not null)
                (State, version) = (write.State, expected + 1);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
