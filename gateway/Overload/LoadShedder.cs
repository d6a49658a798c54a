using JitGrains.Gateway.EventLoop;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Telemetry;

namespace JitGrains.Gateway.Overload;

/// <summary>
/// Turns calls away at the door, before anything is done for them, where there are too many at once or the process cannot keep
/// up; what is let in is served. Those who are held count for nothing while they wait. Thread-safe.
/// </summary>
internal sealed class LoadShedder(GatewayOptions options, GatewayMetrics metrics, TimeProvider time, SocketLoop? loop = null) : BackgroundService
{
    /// <summary>From one look to the next.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>The same while there is nothing to turn away: of what an idle gateway did, most was to look.</summary>
    internal static readonly TimeSpan IdleInterval = TimeSpan.FromMilliseconds(500);

    private int calls;
    private uint arrivals;
    private volatile uint share;

    /// <summary>Calls being served at the moment, without those that are held.</summary>
    public int Calls => Volatile.Read(ref calls);

    /// <summary>Lets a call in, unless there are too many; who is let in must <see cref="Leave"/>.</summary>
    public bool TryEnter()
    {
        // Spread evenly, without randomness: of any hundred that arrive, the share's number is turned away.
        if (share is var turnedAway and not 0 && Interlocked.Increment(ref arrivals) * 37 % 100 < turnedAway)
        {
            metrics.Shed("late");
            return false;
        }

        if (Interlocked.Increment(ref calls) <= options.MaxCalls)
            return true;
        Leave();
        metrics.Shed("calls");
        return false;
    }

    /// <summary>A call is over, or waits for a person from now on.</summary>
    public void Leave() => Interlocked.Decrement(ref calls);

    /// <summary>A call that has waited for a person goes on, whatever else there is.</summary>
    public void Resume() => Interlocked.Increment(ref calls);

    /// <summary>Sets how much is turned away.</summary>
    internal void Set(Pressure pressure) => share = (uint)Math.Round(pressure.Share * 100);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        metrics.Gauge("jitgrains.gateway.calls", "{call}", "Calls being served at the moment, without those that are held.", () => Calls);
        metrics.Gauge("jitgrains.gateway.shedding", "%", "Share of new calls that is turned away because work is begun late.", () => share);
        if (loop is not null)
            metrics.Gauge("jitgrains.gateway.loop.threads", "{thread}", "Threads that callers' connections are served by; more than there are processors where calls kept them.", () => loop.Threads);
        var pressure = default(Pressure);
        using var timer = new PeriodicTimer(Interval, time);
        var due = time.GetTimestamp();
        try
        {
            // What follows the timer waits for a thread as calls do, and so it is late when they are.
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var waited = time.GetElapsedTime(due) - timer.Period;
                // And for a thread of the loop, on which most calls run.
                var late = loop?.Late() ?? TimeSpan.Zero;
                pressure = pressure.After(waited > late ? waited : late, options.MaxDelay);
                Set(pressure);
                // Who cannot keep up has calls that are being served at every look.
                var next = Calls == 0 && pressure == default ? IdleInterval : Interval;
                if (timer.Period != next)
                    timer.Period = next;
                due = time.GetTimestamp();
            }
        }
        catch (OperationCanceledException)
        {
            // The process stops.
        }
    }
}
