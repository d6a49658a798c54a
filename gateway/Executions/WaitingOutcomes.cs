using System.Collections.Immutable;
using JitGrains.Principals;

namespace JitGrains.Gateway.Executions;

/// <summary>
/// Outcomes that wait for their caller's next use. Nearly every use of a grant with several has one that waits, and with callers that
/// come back none waits to the end: so one timer, for the first of them, serves all. Thread-safe.
/// </summary>
internal sealed class WaitingOutcomes : IDisposable
{
    /// <summary>Timers go by milliseconds.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    private readonly TimeSpan within;
    private readonly TimeProvider time;
    private readonly Action<string, List<OutcomeCommand>> waited;
    private readonly ITimer timer;
    private readonly Lock gate = new();
    private readonly Dictionary<string, List<OutcomeCommand>> byCaller = new(StringComparer.Ordinal);

    // In the order in which they will have waited long enough, and among them those that were taken since.
    private readonly Queue<Entry> order = [];
    private bool ended;
    private int onTheWay;

    /// <param name="within">How long they wait.</param>
    /// <param name="time">The clock.</param>
    /// <param name="waited">Is given a caller's that have waited so long. Must not throw; <see cref="Done"/> must follow.</param>
    public WaitingOutcomes(TimeSpan within, TimeProvider time, Action<string, List<OutcomeCommand>> waited)
    {
        (this.within, this.time, this.waited) = (within, time, waited);
        timer = time.CreateTimer(_ => Look(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Those that wait, by caller, and those that were taken and are not done.</summary>
    public int Open
    {
        get
        {
            lock (gate)
                return byCaller.Count + onTheWay;
        }
    }

    /// <summary>Waits with it for the caller's next use, or for as long as the caller's first has yet to wait.</summary>
    public void Add(string callerKey, OutcomeCommand command)
    {
        lock (gate)
        {
            if (byCaller.TryGetValue(callerKey, out var earlier))
            {
                earlier.Add(command);
                return;
            }

            List<OutcomeCommand> its = [command];
            byCaller.Add(callerKey, its);
            order.Enqueue(new Entry(time.GetTimestamp(), callerKey, its));
            // While others wait it is set, or they are just being looked at.
            if (order.Count == 1)
                timer.Change(within, Timeout.InfiniteTimeSpan);
            if (!ended)
                return;
        }

        Look();
    }

    /// <summary>Takes out what waits for the caller's next use; <see cref="Done"/> must follow.</summary>
    public ImmutableArray<OutcomeCommand> Take(string callerKey)
    {
        lock (gate)
        {
            if (!byCaller.Remove(callerKey, out var its))
                return [];
            onTheWay += its.Count;
            return [.. its];
        }
    }

    /// <summary>So many of those that were taken, or had waited, are stored or seen to by somebody else.</summary>
    public void Done(int count)
    {
        lock (gate)
            onTheWay -= count;
    }

    /// <summary>From here on nothing waits.</summary>
    public void End()
    {
        lock (gate)
            ended = true;
        Look();
    }

    public void Dispose() => timer.Dispose();

    private void Look()
    {
        List<Entry> these = [];
        lock (gate)
        {
            while (order.TryPeek(out var first))
            {
                if (byCaller.TryGetValue(first.CallerKey, out var its) && its == first.Commands)
                {
                    var left = within - time.GetElapsedTime(first.Since);
                    if (left >= Tick && !ended)
                    {
                        timer.Change(left, Timeout.InfiniteTimeSpan);
                        break;
                    }

                    byCaller.Remove(first.CallerKey);
                    onTheWay += its.Count;
                    these.Add(first);
                }

                order.Dequeue();
            }
        }

        foreach (var entry in these)
            waited(entry.CallerKey, entry.Commands);
    }

    private readonly record struct Entry(long Since, string CallerKey, List<OutcomeCommand> Commands);
}
