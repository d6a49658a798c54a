namespace JitGrains.Simulation.Machine;

/// <summary>
/// The one thread, the one clock and the one scheduler of a simulation. What is ready to run is picked by the dice; where
/// nothing is, time goes on to the next event. It runs as a work item of a pool of one thread: whatever the framework itself
/// sends to the pool (the inside of a semaphore's wait, a cancellation) runs there between two steps, in the order in which
/// it was sent. Not thread-safe, and needs not be.
/// </summary>
internal sealed class World : IThreadPoolWorkItem
{
    private const long MostSteps = 2_000_000;

    private readonly PriorityQueue<Action, (long Time, long Order)> later = new();
    private readonly List<Work> ready = [];
    private readonly ManualResetEventSlim over = new();
    private readonly Dice schedule;
    private Func<bool> until = static () => true;
    private long limit;
    private long order;

    public World(ulong seed)
    {
        Seed = seed;
        schedule = new Dice(seed ^ 0x5ced);
        Dice = new Dice(seed ^ 0xd1ce);
        Outside = new SimContext(this, null);
        History = new History(this);
    }

    public ulong Seed { get; }

    /// <summary>For latencies and fates; the order of steps has its own.</summary>
    public Dice Dice { get; }

    public History History { get; }

    /// <summary>Where callers, approvers and operators run.</summary>
    public SimContext Outside { get; }

    /// <summary>The true time, since the beginning.</summary>
    public TimeSpan Now { get; private set; }

    public long Steps { get; private set; }

    /// <summary>What went wrong in the simulation itself.</summary>
    public Exception? Broken { get; private set; }

    /// <summary>Something that nobody's crash or suspension keeps from happening: the network, the disk.</summary>
    public void At(TimeSpan delay, Action happens) => later.Enqueue(happens, ((Now + delay).Ticks, order++));

    public void Enqueue(SimProcess? process, SendOrPostCallback callback, object? state)
    {
        if (process is null)
            ready.Add(new Work(Outside, callback, state));
        else
            process.Take(new Work(process.Context, callback, state));
    }

    public void Ready(Work work) => ready.Add(work);

    public void Break(Exception because) => Broken ??= because;

    /// <summary>Completes after this time, for whoever runs outside.</summary>
    public Task Pause(TimeSpan time)
    {
        var passed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        At(time, passed.SetResult);
        return passed.Task;
    }

    /// <summary>Runs something outside, and all that it takes, until it says that it is over, for this long at most.</summary>
    /// <returns>Whether it was over in time.</returns>
    public bool Run(Func<Task> story, TimeSpan longest)
    {
        Task? task = null;
        (until, limit) = (() => task is { IsCompleted: true } || Broken is not null, (Now + longest).Ticks);
        Outside.Post(_ => task = story(), null);
        over.Reset();
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        over.Wait();
        if (task?.Exception is { } failed)
            Break(failed.InnerException ?? failed);
        return task is { IsCompleted: true };
    }

    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            while (!until() && Now.Ticks <= limit)
            {
                if (!Step())
                    break;
                if (Steps > MostSteps)
                    throw new InvalidOperationException("it goes round in circles");
                if (ThreadPool.PendingWorkItemCount > 0)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                    return;
                }
            }
        }
        catch (Exception e)
        {
            Break(e);
        }

        over.Set();
    }

    private bool Step()
    {
        while (later.TryPeek(out _, out var at) && (at.Time <= Now.Ticks || ready.Count == 0))
        {
            var happens = later.Dequeue();
            if (at.Time > Now.Ticks)
                Now = TimeSpan.FromTicks(at.Time);
            Steps++;
            happens();
            if (ready.Count == 0)
                return true;
        }

        if (ready.Count == 0)
            return false;
        var which = ready.Count == 1 ? 0 : schedule.Below(ready.Count);
        var work = ready[which];
        ready[which] = ready[^1];
        ready.RemoveAt(ready.Count - 1);
        Steps++;
        // Work takes its time: some microseconds.
        Now += TimeSpan.FromTicks(schedule.Below(60));
        Run(work);
        return true;
    }

    private void Run(in Work work)
    {
        if (work.Context.Process is { IsAlive: false })
            return;
        SynchronizationContext.SetSynchronizationContext(work.Context);
        try
        {
            work.Callback(work.State);
        }
        catch (Exception e)
        {
            Break(e);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(null);
        }
    }
}

/// <summary>A piece of work and where it runs.</summary>
internal readonly record struct Work(SimContext Context, SendOrPostCallback Callback, object? State);

/// <summary>Where the continuations of one process go: to the world's scheduler, for as long as the process lives.</summary>
internal sealed class SimContext(World world, SimProcess? process) : SynchronizationContext
{
    public SimProcess? Process => process;

    public override void Post(SendOrPostCallback d, object? state) => world.Enqueue(process, d, state);

    public override void Send(SendOrPostCallback d, object? state)
    {
        if (Current != this)
            throw new InvalidOperationException("nothing waits for another process");
        d(state);
    }

    public override SynchronizationContext CreateCopy() => this;
}
