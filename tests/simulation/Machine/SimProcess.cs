namespace JitGrains.Simulation.Machine;

/// <summary>The other side is gone, or the answer never came.</summary>
internal sealed class ConnectionLostException(string process) : Exception($"the connection to {process} broke");

/// <summary>
/// One run of a process. When it crashes nothing of it runs any more, wherever it was; while it is suspended everything waits.
/// </summary>
internal sealed class SimProcess
{
    private readonly World world;
    private readonly List<Work> waiting = [];
    private readonly HashSet<Action> callers = [];
    private TimeSpan suspendedAt;
    private bool isMachine;

    public SimProcess(World world, string name, double rate, TimeSpan offset)
    {
        this.world = world;
        Name = name;
        Context = new SimContext(world, this);
        Time = new SimTime(world, this) { Rate = rate, Offset = offset };
    }

    public string Name { get; }

    public SimContext Context { get; }

    public SimTime Time { get; }

    public bool IsAlive { get; private set; } = true;

    public bool IsSuspended { get; private set; }

    /// <summary>How often it was suspended: what was between its last check and its byte then is not judged.</summary>
    public int Suspensions { get; private set; }

    /// <summary>When it last went on.</summary>
    public TimeSpan LastResumed { get; private set; }

    /// <summary>Raised when it is gone.</summary>
    public event EventHandler? Crashed;

    public void Take(in Work work)
    {
        if (!IsAlive)
            return;
        if (IsSuspended)
            waiting.Add(work);
        else
            world.Ready(work);
    }

    public void Crash()
    {
        if (!IsAlive)
            return;
        IsAlive = false;
        waiting.Clear();
        Crashed?.Invoke(this, EventArgs.Empty);
        foreach (var lost in callers.ToArray())
            lost();
        callers.Clear();
    }

    /// <param name="machine">Whether the whole machine stands still, its monotonic clock and timers with it.</param>
    public void Suspend(bool machine)
    {
        if (IsSuspended || !IsAlive)
            return;
        (IsSuspended, suspendedAt, isMachine) = (true, world.Now, machine);
        Suspensions++;
    }

    public void Resume()
    {
        if (!IsSuspended || !IsAlive)
            return;
        (IsSuspended, LastResumed) = (false, world.Now);
        if (isMachine)
            Time.Froze(world.Now - suspendedAt);
        foreach (var work in waiting)
            world.Ready(work);
        waiting.Clear();
    }

    /// <summary>Completes after this time by its own clock.</summary>
    public Task Pause(TimeSpan time)
    {
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = Time.CreateTimer(_ => over.TrySetResult(), null, time, Timeout.InfiniteTimeSpan);
        return over.Task;
    }

    /// <summary>Asks it for something from outside, over the network.</summary>
    public Task<T> Call<T>(Func<Task<T>> work)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Lost() => world.At(world.Dice.Between(TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(20)), () => answer.TrySetException(new ConnectionLostException(Name)));
        callers.Add(Lost);
        world.At(Network(), () =>
        {
            if (!IsAlive)
                Lost();
            else
                Context.Post(_ => Answer(), null);
        });
        return answer.Task;

        async void Answer()
        {
            try
            {
                var result = await work();
                callers.Remove(Lost);
                world.At(Network(), () => answer.TrySetResult(result));
            }
            catch (Exception e)
            {
                callers.Remove(Lost);
                world.At(Network(), () => answer.TrySetException(e));
            }
        }
    }

    private TimeSpan Network() => world.Dice.Between(TimeSpan.FromMicroseconds(100), TimeSpan.FromMilliseconds(3));
}
