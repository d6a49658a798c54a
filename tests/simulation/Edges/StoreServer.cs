using JitGrains.Audit;
using JitGrains.Runtime.Engine;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Edges;

/// <summary>How badly the store behaves.</summary>
internal sealed record StoreTrouble
{
    /// <summary>How often a question never reaches it.</summary>
    public double LostBefore { get; set; }

    /// <summary>How often it does what it is asked, and the answer is lost.</summary>
    public double LostAfter { get; set; }

    /// <summary>How often it takes long.</summary>
    public double Slow { get; set; }

    public static StoreTrouble None => new();
}

/// <summary>
/// The database that the processes share, as they know it from PostgreSQL: one lock for each grain, kept by a session until
/// it ends or was idle for too long; a commit that is there or not, whoever heard of it; a crash that loses what did not wait
/// for the disk; an older copy in its place, which is another epoch.
/// </summary>
internal sealed class StoreServer
{
    public static readonly TimeSpan LockTimeout = TimeSpan.FromSeconds(2);
    public static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan ReminderClaim = TimeSpan.FromSeconds(30);

    private readonly World world;
    private readonly Dictionary<string, Held> locks = new(StringComparer.Ordinal);
    private readonly Dictionary<long, TimeSpan> remindersTaken = [];
    private readonly List<(TimeSpan At, MemoryStore Copy)> backups = [];
    private MemoryStore? durable;
    private int epochs = 1;

    public StoreServer(World world)
    {
        this.world = world;
        Disk = new MemoryStore(new ServerTime(world));
    }

    public MemoryStore Disk { get; private set; }

    public StoreTrouble Trouble { get; set; } = StoreTrouble.None;

    public bool IsUp { get; private set; } = true;

    public string Epoch => $"epoch-{epochs}";

    /// <summary>Told of each commit, after it was made.</summary>
    public Action<SimProcess, GrainId, GrainWrite>? Committed { get; set; }

    /// <summary>Told of each batch of a gateway's journal.</summary>
    public Action<SimProcess, IReadOnlyList<AuditEntry>>? Appended { get; set; }

    public Action<string, TimeSpan>? EpochBegan { get; set; }

    public DateTimeOffset Now => SimTime.TrueTime(world);

    public void Stop() => IsUp = false;

    public void Start() => IsUp = true;

    /// <summary>A copy as it stands, to go back to later.</summary>
    public void Backup() => backups.Add((world.Now, Disk.Copy()));

    /// <summary>It crashed, and comes back with what had reached the disk.</summary>
    public void Crash()
    {
        DropSessions();
        if (durable is { } kept)
            Disk = kept;
        durable = null;
    }

    /// <summary>An older copy takes its place: another epoch.</summary>
    public bool Restore()
    {
        if (backups.Count == 0)
            return false;
        DropSessions();
        var (at, copy) = backups[^1];
        Disk = copy.Copy();
        durable = null;
        epochs++;
        EpochBegan?.Invoke(Epoch, at);
        return true;
    }

    /// <summary>Where each audit chain ends.</summary>
    public IReadOnlyList<(string Source, ChainHead Head)> Heads()
    {
        var heads = new List<(string, ChainHead)>();
        // In memory: nothing waits.
        if (!Read().IsCompletedSuccessfully)
            throw new InvalidOperationException("the simulated store waited");
        return heads;

        async Task Read()
        {
            await foreach (var source in Disk.ListSourcesAsync())
                heads.Add((source.Source, source.Head));
        }
    }

    /// <summary>Gives a lock to whoever waits for it first; <paramref name="granted"/> is called once it has it.</summary>
    public void Acquire(Session session, Action granted, Action refused)
    {
        if (!locks.TryGetValue(session.Lock, out var held))
            locks[session.Lock] = held = new Held();
        if (held.Owner is null)
        {
            Give(held, session, granted);
            return;
        }

        held.Queue.Add((session, granted));
        world.At(LockTimeout, () =>
        {
            if (held.Queue.RemoveAll(q => q.Session == session) > 0)
                refused();
        });
    }

    /// <summary>The process is gone, and with it its connections.</summary>
    public void Drop(SimProcess process)
    {
        foreach (var session in locks.Values.SelectMany(h => h.Queue.Select(q => q.Session).Append(h.Owner)).OfType<Session>().Where(s => s.Process == process).ToArray())
            Release(session);
    }

    /// <summary>Whether nobody has it.</summary>
    public bool IsFree(string name) => !locks.TryGetValue(name, out var held) || held.Owner is null;

    /// <summary>The session is over, whether it had the lock, waited for it, or had lost it.</summary>
    public void Release(Session session)
    {
        if (!session.IsOpen)
            return;
        session.IsOpen = false;
        if (!locks.TryGetValue(session.Lock, out var held))
            return;
        held.Queue.RemoveAll(q => q.Session == session);
        if (held.Owner != session)
            return;
        held.Owner = null;
        if (held.Queue.Count > 0)
        {
            var (next, granted) = held.Queue[0];
            held.Queue.RemoveAt(0);
            Give(held, next, granted);
        }
        else
        {
            locks.Remove(session.Lock);
        }
    }

    /// <summary>
    /// Commits, and lets go of the lock with that, whenever the answer comes: what the turn writes after it, it writes by its version alone.
    /// </summary>
    public async Task Commit(Session session, GrainId grain, string? etag, GrainWrite write)
    {
        if (!session.IsOpen && !session.HasWritten)
            throw new StoreUnavailableException("the session had ended");
        await using var turn = await Disk.BeginTurnAsync(grain, readOnly: false, CancellationToken.None);
        if (write.State is not null && turn.ETag != etag)
            throw new InconsistentStateException($"a {grain.Type} was written by another turn");
        if (write.MayBeLost)
            durable ??= Disk.Copy();
        await turn.CommitAsync(write);
        if (!write.MayBeLost)
            Flush();
        session.HasWritten = true;
        Release(session);
        Committed?.Invoke(session.Process, grain, write);
    }

    /// <summary>Something waits for the disk: that takes along all that was written before it.</summary>
    public void Flush() => durable = null;

    public async Task<IReadOnlyList<StoredReminder>> TakeReminders(DateTimeOffset now, int limit)
    {
        var due = await Disk.ReadDueRemindersAsync(now, int.MaxValue, CancellationToken.None);
        var free = due.Where(r => !remindersTaken.TryGetValue(r.Registration, out var at) || world.Now - at > ReminderClaim).Take(limit).ToArray();
        foreach (var reminder in free)
            remindersTaken[reminder.Registration] = world.Now;
        return free;
    }

    public Task MoveReminder(StoredReminder reminder, DateTimeOffset due)
    {
        remindersTaken.Remove(reminder.Registration);
        return Disk.MoveReminderAsync(reminder, due, CancellationToken.None);
    }

    private void Give(Held held, Session session, Action granted)
    {
        held.Owner = session;
        session.LastUse = world.Now;
        Watch(session);
        granted();
    }

    private void Watch(Session session) => world.At(IdleTimeout, () =>
    {
        if (!session.IsOpen)
            return;
        if (world.Now - session.LastUse >= IdleTimeout)
            Release(session);
        else
            Watch(session);
    });

    private void DropSessions()
    {
        foreach (var held in locks.Values)
        {
            if (held.Owner is { } owner)
                owner.IsOpen = false;
            foreach (var (waiting, _) in held.Queue)
                waiting.IsOpen = false;
        }

        locks.Clear();
        remindersTaken.Clear();
    }

    /// <summary>A connection that has a lock, or waits for it.</summary>
    internal sealed class Session(SimProcess process, string name)
    {
        public SimProcess Process => process;

        public string Lock => name;

        public bool IsOpen { get; set; } = true;

        public bool HasWritten { get; set; }

        public TimeSpan LastUse { get; set; }
    }

    private sealed class Held
    {
        public Session? Owner { get; set; }

        public List<(Session Session, Action Granted)> Queue { get; } = [];
    }

    private sealed class ServerTime(World world) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => SimTime.TrueTime(world);
    }
}
