using JitGrains.Gateway.Leases;

namespace JitGrains.Simulation.Machine;

/// <summary>
/// One machine's clocks: a wall clock that is off and may be set, and a monotonic one, both at a rate of their own. While the
/// machine itself is stopped (a paused virtual machine) the monotonic clock and the timers stand still; while only the process
/// is, they do not.
/// </summary>
internal sealed class SimTime(World world, SimProcess process) : TimeProvider
{
    private static readonly DateTimeOffset Epoch = new(2026, 3, 2, 9, 0, 0, TimeSpan.Zero);

    private TimeSpan frozen;

    /// <summary>The time of the store's machine, which is right.</summary>
    public static DateTimeOffset TrueTime(World world) => Epoch + world.Now;

    /// <summary>How fast it goes; 1 is right.</summary>
    public double Rate { get; init; } = 1;

    /// <summary>How far the wall clock is off.</summary>
    public TimeSpan Offset
    {
        get;
        set => (field, SetAt) = (value, world.Now);
    }

    /// <summary>When somebody last set it.</summary>
    public TimeSpan SetAt { get; private set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>The machine stood still for so long.</summary>
    public void Froze(TimeSpan time) => frozen += time;

    public TimeSpan Monotonic => (world.Now - frozen) * Rate;

    public override long GetTimestamp() => Monotonic.Ticks + TimeSpan.TicksPerHour;

    public override DateTimeOffset GetUtcNow() => Epoch + Offset + (world.Now * Rate);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new Timer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(SimTime time, TimerCallback callback, object? state) : ITimer
    {
        private long version;
        private TimeSpan period;
        private bool disposed;

        public bool Change(TimeSpan dueTime, TimeSpan newPeriod)
        {
            if (disposed)
                return false;
            period = newPeriod;
            version++;
            if (dueTime >= TimeSpan.Zero)
                Arm(dueTime, version);
            return true;
        }

        public void Dispose()
        {
            disposed = true;
            version++;
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Arm(TimeSpan wait, long armed)
        {
            var due = time.Monotonic + wait;
            time.Schedule(wait, () => Fire(due, armed));
        }

        private void Fire(TimeSpan due, long armed)
        {
            if (armed != version || !time.Process.IsAlive)
                return;
            // The machine stood still meanwhile.
            if (due - time.Monotonic is var left && left > TimeSpan.FromTicks(2))
            {
                time.Schedule(left, () => Fire(due, armed));
                return;
            }

            time.Process.Context.Post(_ => Tick(armed), null);
        }

        private void Tick(long armed)
        {
            if (armed != version)
                return;
            if (period > TimeSpan.Zero)
                Arm(period, armed);
            callback(state);
        }
    }

    private SimProcess Process => process;

    private void Schedule(TimeSpan wait, Action fire) => world.At(wait / Rate + TimeSpan.FromTicks(1), fire);
}

/// <summary>The clocks by which a gateway's lease goes.</summary>
internal sealed class SimLeaseClock(SimTime time) : LeaseClock
{
    public override LeaseInstant Now => new(time.Monotonic, time.GetUtcNow());
}
