using JitGrains.Outbox;

namespace JitGrains.Runtime.Engine;

/// <summary>Which grains have messages to deliver and how far each is: ready, being drained, or waiting for a retry. Thread-safe.</summary>
internal sealed class OutboxSources(Action<GrainId> ready)
{
    private readonly Lock gate = new();
    private readonly Dictionary<GrainId, Source> sources = [];
    private int waiting;
    private TaskCompletionSource? idle;
    private TaskCompletionSource? quiet;

    /// <summary>Grains with messages.</summary>
    public long Count
    {
        get
        {
            lock (gate)
                return sources.Count;
        }
    }

    /// <summary>Completes when no grain has messages.</summary>
    public Task WhenIdle
    {
        get
        {
            lock (gate)
                return sources.Count == 0 ? Task.CompletedTask : (idle ??= NewSignal()).Task;
        }
    }

    /// <summary>Completes when every grain with messages waits for a retry.</summary>
    public Task WhenQuiet
    {
        get
        {
            lock (gate)
                return sources.Count == waiting ? Task.CompletedTask : (quiet ??= NewSignal()).Task;
        }
    }

    /// <summary>
    /// The grain has new messages. <paramref name="own"/>: written by this process, which then sees to it that they are
    /// delivered; others it may leave to whoever is at it. <paramref name="urgent"/>: those of them that go first.
    /// </summary>
    public void Signal(GrainId id, bool own, params IReadOnlyList<OutboxRecord> urgent)
    {
        lock (gate)
        {
            var isKnown = sources.TryGetValue(id, out var source);
            if (source is null)
                sources.Add(id, source = new Source());
            source.HasNew = true;
            source.IsOwn |= own;
            source.Urgent.AddRange(urgent);
            if (isKnown)
                return;
        }

        ready(id);
    }

    /// <summary>A worker is about to read the grain's messages; returns whether some are this process' own.</summary>
    public bool Begin(GrainId id)
    {
        lock (gate)
        {
            sources[id].HasNew = false;
            return sources[id].IsOwn;
        }
    }

    /// <summary>Takes out what goes first.</summary>
    public IReadOnlyList<OutboxRecord> TakeUrgent(GrainId id)
    {
        lock (gate)
        {
            if (sources[id].Urgent.Count == 0)
                return [];
            OutboxRecord[] urgent = [.. sources[id].Urgent];
            sources[id].Urgent.Clear();
            return urgent;
        }
    }

    /// <summary>The worker found no more; false where new ones came meanwhile.</summary>
    public bool End(GrainId id)
    {
        lock (gate)
        {
            if (sources[id].HasNew)
                return false;
            sources.Remove(id);
            Settle();
            return true;
        }
    }

    /// <summary>A delivery succeeded.</summary>
    public void Progress(GrainId id)
    {
        lock (gate)
            sources[id].Failures = 0;
    }

    /// <summary>A delivery failed; returns how many did in a row.</summary>
    public int Fail(GrainId id)
    {
        lock (gate)
            return ++sources[id].Failures;
    }

    /// <summary>Makes the grain ready again after a wait.</summary>
    public void Retry(GrainId id, TimeProvider time, TimeSpan wait)
    {
        lock (gate)
        {
            waiting++;
            sources[id].Timer = time.CreateTimer(_ => Wake(id), null, wait, Timeout.InfiniteTimeSpan);
            Settle();
        }
    }

    /// <summary>Ends every wait: what kept messages from being delivered may be over.</summary>
    public void WakeAll()
    {
        GrainId[] all;
        lock (gate)
            all = [.. sources.Where(s => s.Value.Timer is not null).Select(s => s.Key)];
        foreach (var id in all)
            Wake(id);
    }

    private void Wake(GrainId id)
    {
        lock (gate)
        {
            if (!sources.TryGetValue(id, out var source) || source.Timer is null)
                return;
            waiting--;
            source.Timer.Dispose();
            source.Timer = null;
        }

        ready(id);
    }

    private void Settle()
    {
        if (sources.Count == waiting)
        {
            quiet?.SetResult();
            quiet = null;
        }

        if (sources.Count == 0)
        {
            idle?.SetResult();
            idle = null;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed class Source
    {
        public bool HasNew { get; set; }

        public bool IsOwn { get; set; }

        public List<OutboxRecord> Urgent { get; } = [];

        public int Failures { get; set; }

        public ITimer? Timer { get; set; }
    }
}
