namespace JitGrains.Runtime.Engine;

internal sealed partial class MemoryStore
{
    /// <summary>A store with the same content, which goes its own way from here on: a backup, for tests of going back to one.</summary>
    public MemoryStore Copy()
    {
        var copy = new MemoryStore(clock);
        lock (gate)
        {
            copy.registrations = registrations;
            Fill(copy.grains, grains);
            foreach (var (grain, rows) in outbox)
                copy.outbox[grain] = new SortedDictionary<long, string>(rows);
            Fill(copy.reminders, reminders);
            foreach (var (source, entries) in chains)
                copy.chains[source] = new SortedDictionary<long, (Audit.AuditEntry, AuditFacts)>(entries);
            Fill(copy.personalValues, personalValues);
            Fill(copy.erased, erased);
            Fill(copy.deliveries, deliveries);
            Fill(copy.policies, policies);
            Fill(copy.requests, requests);
            Fill(copy.grants, grants);
            Fill(copy.executions, executions);
            copy.callers.UnionWith(callers);
        }

        return copy;
    }

    private static void Fill<TKey, TValue>(IDictionary<TKey, TValue> copy, IDictionary<TKey, TValue> from)
    {
        foreach (var (key, value) in from)
            copy[key] = value;
    }
}
