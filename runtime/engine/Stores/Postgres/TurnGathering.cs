namespace JitGrains.Runtime.Engine;

/// <summary>
/// Whether the next batch of turns waits a moment for those whose turns were in the last one. Callers that come back at once would
/// otherwise fall into two groups for good, each of which waits while the other is being written: every transaction would be half as large, and
/// so nearly twice as dear. Not thread-safe: it is used under the batches' gate.
/// </summary>
/// <param name="time">The clock. Real time, for what is waited for is this machine's callers.</param>
/// <param name="begin">Called when the moment is over, outside the gate.</param>
internal sealed class TurnGathering(TimeProvider time, Action begin) : IDisposable
{
    /// <summary>After a batch of fewer turns nobody is waited for: few callers are few whatever one does.</summary>
    internal const int WorthWaiting = 3;

    /// <summary>The longest that the next batch waits from the end of the last.</summary>
    internal static readonly TimeSpan Longest = TimeSpan.FromMilliseconds(3);

    /// <summary>Timers go by milliseconds.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    // Made here, where no turn runs that it would remember.
    private readonly ITimer timer = time.CreateTimer(_ => begin(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    private long endedAt;
    private int wanted;

    /// <summary>A batch is over.</summary>
    /// <param name="turns">How many turns it had.</param>
    /// <param name="waiting">How many wait now.</param>
    public void Ended(int turns, int waiting)
    {
        wanted = turns < WorthWaiting ? 0 : Math.Min(turns + waiting, PostgresStore.WorthAnother);
        endedAt = time.GetTimestamp();
    }

    /// <summary>A batch begins.</summary>
    public void Began() => wanted = 0;

    /// <summary>Whether a batch of those who wait now is better begun later; then <c>begin</c> is called in time.</summary>
    public bool IsWorthWaiting(int waiting)
    {
        if (waiting >= wanted)
            return false;
        var left = Longest - time.GetElapsedTime(endedAt);
        if (left < Tick)
            return false;
        // False once it is disposed of: then nobody would come back.
        return timer.Change(left, Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => timer.Dispose();
}
