using JitGrains.Outbox;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Everything in memory behind one lock: for tests, and as the plain statement of what a store does. Same behaviour as
/// the SQLite store but for durability. What is kept is kept as JSON, so that nothing is shared with whoever wrote it.
/// </summary>
internal sealed partial class MemoryStore(TimeProvider time) : IGrainStore, IStoreHealth
{
    private readonly TimeProvider clock = time;
    private readonly Lock gate = new();
    private readonly Dictionary<GrainId, (string State, long Version)> grains = [];
    private readonly Dictionary<GrainId, SortedDictionary<long, string>> outbox = [];
    private readonly Dictionary<(GrainId, string), StoredReminder> reminders = [];
    private long registrations;

    public bool IsShared => false;

    public StoreHealth Current => StoreHealth.Good;

    public Task<StoreHealth> CheckAsync(CancellationToken cancellationToken = default) => Task.FromResult(StoreHealth.Good);

    public Task<ITurnSession> BeginTurnAsync(GrainId grain, bool readOnly, CancellationToken cancellationToken) =>
        Task.FromResult<ITurnSession>(new Session(this, grain));

    public Task<IReadOnlyList<GrainId>> ListOutboxSourcesAsync(CancellationToken cancellationToken)
    {
        lock (gate)
            return Task.FromResult<IReadOnlyList<GrainId>>([.. outbox.Keys]);
    }

    public Task<IReadOnlyList<OutboxRecord>> ReadOutboxAsync(GrainId source, int limit, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            return Task.FromResult<IReadOnlyList<OutboxRecord>>(outbox.TryGetValue(source, out var rows)
                ? [.. rows.Take(limit).Select(row => new OutboxRecord(row.Key, StoreJson.Parse<OutboxMessage>(row.Value)))]
                : []);
        }
    }

    public async Task<IOutboxClaim?> ClaimOutboxAsync(GrainId source, int limit, bool wait, CancellationToken cancellationToken) =>
        new OwnClaim(await ReadOutboxAsync(source, limit, cancellationToken), through => DeleteOutboxAsync(source, through));

    public Task<DateTimeOffset> ReadClockAsync(CancellationToken cancellationToken) => Task.FromResult(clock.GetUtcNow());

    private Task DeleteOutboxAsync(GrainId source, long throughSequence)
    {
        lock (gate)
        {
            if (outbox.TryGetValue(source, out var rows))
            {
                foreach (var sequence in rows.Keys.Where(s => s <= throughSequence).ToArray())
                    rows.Remove(sequence);
                if (rows.Count == 0)
                    outbox.Remove(source);
            }
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<StoredReminder>> ReadDueRemindersAsync(DateTimeOffset now, int limit, CancellationToken cancellationToken)
    {
        lock (gate)
            return Task.FromResult<IReadOnlyList<StoredReminder>>([.. reminders.Values.Where(r => r.Due <= now).OrderBy(r => r.Due).ThenBy(r => r.Registration).Take(limit)]);
    }

    public Task<DateTimeOffset?> NextReminderAfterAsync(DateTimeOffset time, CancellationToken cancellationToken)
    {
        lock (gate)
            return Task.FromResult(reminders.Values.Where(r => r.Due > time).Min(r => (DateTimeOffset?)r.Due));
    }

    public Task MoveReminderAsync(StoredReminder reminder, DateTimeOffset due, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (reminders.TryGetValue((reminder.Grain, reminder.Name), out var stored) && stored.Registration == reminder.Registration)
                reminders[(reminder.Grain, reminder.Name)] = stored with { Due = due };
        }

        return Task.CompletedTask;
    }

    private (string? State, long Version) Load(GrainId grain)
    {
        lock (gate)
            return grains.TryGetValue(grain, out var row) ? row : (null, 0);
    }

    private void Commit(GrainId grain, long version, GrainWrite write)
    {
        lock (gate)
        {
            // What can refuse comes first, so that what follows happens whole.
            if (write.State is not null && grains.GetValueOrDefault(grain).Version != version)
                throw new InconsistentStateException($"a {grain.Type} was written by another turn");
            var messages = write.Outbox.Where(r => !r.Message.IsRow).Select(r => (r.Sequence, Json: StoreJson.Print(r.Message))).ToArray();
            if (outbox.TryGetValue(grain, out var pending) && messages.Any(m => pending.ContainsKey(m.Sequence)))
                throw new InvalidOperationException($"an outbox sequence of a {grain.Type} was used twice");
            var apply = write.Outbox.Where(r => r.Message.IsRow).Select(r => PrepareRow(r.Message)).ToArray();
            CheckAudit([.. write.Outbox.Select(r => r.Message).OfType<OutboxMessage.Audit>().Select(m => m.Entry)]);

            if (write.State is not null)
                grains[grain] = (write.State, version + 1);
            foreach (var (sequence, json) in messages)
            {
                if (pending is null)
                    outbox[grain] = pending = [];
                pending.Add(sequence, json);
            }

            foreach (var row in apply)
                row();
            foreach (var change in write.Reminders)
                Change(grain, change);
        }
    }

    private void Change(GrainId grain, ReminderChange change)
    {
        if (change.Due is { } due)
            reminders[(grain, change.Name)] = new StoredReminder(++registrations, grain, change.Name, due, due, change.Period);
        else
            reminders.Remove((grain, change.Name));
    }

    private StoredReminder? Find(GrainId grain, string name)
    {
        lock (gate)
            return reminders.GetValueOrDefault((grain, name));
    }

    private sealed class Session : ITurnSession
    {
        private readonly MemoryStore store;
        private readonly GrainId grain;
        private long version;

        public Session(MemoryStore store, GrainId grain)
        {
            (this.store, this.grain) = (store, grain);
            (State, version) = store.Load(grain);
            Now = store.clock.GetUtcNow();
        }

        public string? State { get; private set; }

        public string? ETag => version == 0 ? null : version.ToString();

        public DateTimeOffset Now { get; }

        public Task<StoredReminder?> FindReminderAsync(string name) => Task.FromResult(store.Find(grain, name));

        public Task ReloadAsync()
        {
            (State, version) = store.Load(grain);
            return Task.CompletedTask;
        }

        public Task CommitAsync(GrainWrite write)
        {
            try
            {
                store.Commit(grain, version, write);
            }
            catch (Exception e)
            {
                return Task.FromException(e);
            }

            if (write.State is not null)
                (State, version) = (write.State, version + 1);
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
