using System.Collections.Concurrent;

namespace JitGrains.ClusterTests.Histories;

/// <summary>Everything that clients did and were told, and what was done to the processes. Thread-safe.</summary>
/// <param name="name">What its orders and calls begin with, where there are several on one cluster.</param>
internal sealed class History(string name = "")
{
    private readonly ConcurrentQueue<Deed> deeds = new();
    private readonly ConcurrentQueue<Fault> faults = new();
    private readonly ConcurrentDictionary<string, Subject> subjects = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> counts = new(StringComparer.Ordinal);
    private int orders;
    private int calls;

    public IReadOnlyCollection<Deed> Deeds => deeds;

    public IReadOnlyCollection<Fault> Faults => faults;

    /// <summary>Subjects by order.</summary>
    public IReadOnlyDictionary<string, Subject> Subjects => subjects;

    /// <summary>What was counted, by name.</summary>
    public IEnumerable<KeyValuePair<string, long>> Counts => counts.OrderBy(c => c.Key, StringComparer.Ordinal);

    public void Add(Deed deed) => deeds.Enqueue(deed);

    public void Add(Fault fault) => faults.Enqueue(fault);

    public void Count(string what, long by = 1) => counts.AddOrUpdate(what, by, (_, n) => n + by);

    /// <summary>A subject with an order of its own.</summary>
    public Subject NewSubject(string action, string caller, Gate gate)
    {
        var subject = new Subject(action, $"{name}{Interlocked.Increment(ref orders)}", caller, gate);
        subjects[subject.Order] = subject;
        return subject;
    }

    /// <summary>An id for one attempt of a call.</summary>
    public string NewCall() => $"{name}c{Interlocked.Increment(ref calls)}";
}
