namespace JitGrains.Gateway.Executions;

/// <summary>
/// Some of the executions under way, in a list of their own links: entering and leaving it costs a lock that few share, and
/// no memory. Thread-safe.
/// </summary>
internal sealed class ExecutionStripe
{
    private readonly Lock gate = new();
    private Execution? first;
    private int count;

    public int Count => Volatile.Read(ref count);

    public void Add(Execution execution)
    {
        execution.Stripe = this;
        lock (gate)
        {
            count++;
            execution.Next = first;
            if (first is not null)
                first.Previous = execution;
            first = execution;
        }
    }

    public void Remove(Execution execution)
    {
        lock (gate)
        {
            if (execution.Previous is null && first != execution)
                return;
            count--;
            if (execution.Previous is { } previous)
                previous.Next = execution.Next;
            else
                first = execution.Next;
            if (execution.Next is { } next)
                next.Previous = execution.Previous;
            execution.Previous = execution.Next = null;
        }
    }

    /// <summary>Adds those that match to the list.</summary>
    public void Collect(Func<Execution, bool> matches, List<Execution> found)
    {
        lock (gate)
        {
            for (var e = first; e is not null; e = e.Next)
            {
                if (matches(e))
                    found.Add(e);
            }
        }
    }
}
