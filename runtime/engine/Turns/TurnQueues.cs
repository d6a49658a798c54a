using System.Runtime.InteropServices;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// One queue for each grain that has a turn running or waiting: first come, first served, one at a time. A grain
/// without turns takes no memory. Thread-safe.
/// </summary>
internal sealed class TurnQueues
{
    private readonly Lock gate = new();

    // A grain is in here while a turn of it runs; the queue holds those that wait and is made when the first has to.
    private readonly Dictionary<GrainId, Queue<TaskCompletionSource>?> running = [];
    private int waiting;

    /// <summary>Grains with a turn running.</summary>
    public int Running
    {
        get
        {
            lock (gate)
                return running.Count;
        }
    }

    /// <summary>Turns that wait.</summary>
    public int Waiting => Volatile.Read(ref waiting);

    /// <summary>Completes when it is the caller's turn; <see cref="Leave"/> must follow.</summary>
    public Task EnterAsync(GrainId grain)
    {
        lock (gate)
        {
            ref var queue = ref CollectionsMarshal.GetValueRefOrAddDefault(running, grain, out var isRunning);
            if (!isRunning)
                return Task.CompletedTask;
            var place = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            (queue ??= new Queue<TaskCompletionSource>()).Enqueue(place);
            waiting++;
            return place.Task;
        }
    }

    /// <summary>Takes the grain's turn where it is nobody's; otherwise false, and nothing has to follow.</summary>
    public bool TryEnter(GrainId grain)
    {
        lock (gate)
            return running.TryAdd(grain, null);
    }

    /// <summary>The turn is over: the next one begins.</summary>
    public void Leave(GrainId grain)
    {
        lock (gate)
        {
            if (running[grain] is { Count: > 0 } queue)
            {
                waiting--;
                queue.Dequeue().SetResult();
            }
            else
            {
                running.Remove(grain);
            }
        }
    }
}
