namespace JitGrains.TestSupport;

/// <summary>
/// The one fake-time driver of the tests: time stands still until <see cref="Advance"/>, which fires due timers in
/// order of their due time on the calling thread. Thread-safe.
/// </summary>
public sealed class ManualTime(DateTimeOffset start) : TimeProvider
{
    private readonly Lock gate = new();
    private readonly List<ManualTimer> timers = [];
    private DateTimeOffset now = start;

    /// <summary>Starts at 2030-01-01, so that nothing depends on the real date.</summary>
    public ManualTime() : this(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero)) { }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override DateTimeOffset GetUtcNow()
    {
        lock (gate)
            return now;
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Moves time on, firing each timer that falls due on the way at its own due time.</summary>
    public void Advance(TimeSpan by)
    {
        var target = GetUtcNow() + by;
        while (true)
        {
            ManualTimer? next;
            lock (gate)
            {
                next = timers.Where(t => t.Due <= target).MinBy(t => t.Due);
                if (next is null)
                {
                    now = target;
                    return;
                }

                now = next.Due > now ? next.Due : now;
                next.Rearm();
            }

            next.Fire();
        }
    }

    /// <summary>Sets the wall clock without firing timers: a clock that somebody stepped.</summary>
    public void Step(TimeSpan by)
    {
        lock (gate)
            now += by;
    }

    private sealed class ManualTimer(ManualTime owner, TimerCallback callback, object? state) : ITimer
    {
        private TimeSpan period;

        public DateTimeOffset Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan newPeriod)
        {
            bool fireNow;
            lock (owner.gate)
            {
                owner.timers.Remove(this);
                period = newPeriod;
                fireNow = dueTime == TimeSpan.Zero;
                if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = owner.now + dueTime;
                    if (!fireNow)
                        owner.timers.Add(this);
                    else if (newPeriod != Timeout.InfiniteTimeSpan && newPeriod != TimeSpan.Zero)
                    {
                        Due = owner.now + newPeriod;
                        owner.timers.Add(this);
                    }
                }
            }

            if (fireNow)
                ThreadPool.UnsafeQueueUserWorkItem(static t => t.Fire(), this, preferLocal: false);
            return true;
        }

        public void Rearm()
        {
            if (period == Timeout.InfiniteTimeSpan || period == TimeSpan.Zero)
                owner.timers.Remove(this);
            else
                Due += period;
        }

        public void Fire() => callback(state);

        public void Dispose()
        {
            lock (owner.gate)
                owner.timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
