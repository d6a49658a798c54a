namespace JitGrains.Gateway.EventLoop;

/// <summary>
/// Looks whether the loop's threads get on with what they do, while they do anything: where none waits and none has begun with
/// anything since the last look, all are kept, and there is another thread. What one that is kept has not come to is another's. Thread-safe.
/// </summary>
internal sealed class LoopWatch : IDisposable
{
    private const int MostThreads = 512;

    /// <summary>From one look to the next.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly Func<LoopThread[]> threads;
    private readonly Action add;
    private readonly Action wake;
    private readonly ITimer timer;
    private int isLooking;

    /// <param name="threads">The threads at the moment.</param>
    /// <param name="add">Adds one.</param>
    /// <param name="wake">Wakes one that waits.</param>
    public LoopWatch(Func<LoopThread[]> threads, Action add, Action wake)
    {
        (this.threads, this.add, this.wake) = (threads, add, wake);
        // The time of processors and threads, whatever a clock says.
        timer = TimeProvider.System.CreateTimer(static me => ((LoopWatch)me!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>There is something to do.</summary>
    public void Begin()
    {
        if (Volatile.Read(ref isLooking) == 0 && Interlocked.Exchange(ref isLooking, 1) == 0)
            timer.Change(Interval, Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => timer.Dispose();

    private void Look()
    {
        var all = threads();
        var (gotOn, isLeft) = (false, false);
        foreach (var one in all)
        {
            var got = one.GotOn();
            gotOn |= got;
            isLeft |= !got && one.Batch.HasRest;
        }

        if (Array.TrueForAll(all, static t => t.IsWaiting))
        {
            // Before it stops looking: who begins meanwhile has it look again.
            Volatile.Write(ref isLooking, 0);
            if (Array.TrueForAll(threads(), static t => t.IsWaiting))
                return;
            Begin();
            return;
        }

        if (Array.Exists(all, static t => t.IsWaiting))
        {
            if (isLeft)
                wake();
        }
        else if (!gotOn && all.Length < MostThreads)
        {
            add();
        }

        timer.Change(Interval, Timeout.InfiniteTimeSpan);
    }
}
