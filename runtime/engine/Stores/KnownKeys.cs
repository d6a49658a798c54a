using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Rows that are written once and never change (callers, values behind digests), as far as this process has seen them
/// committed: for most turns there is nothing to add. A value may be erased and come back when its person acts, and so that it was
/// written as somebody else's doing is remembered apart. Thread-safe.
/// </summary>
internal sealed class KnownKeys
{
    private const int Most = 100_000;
    private const int MostErased = 10_000;

    private readonly Lock gate = new();
    private readonly HashSet<string> keys = new(StringComparer.Ordinal);

    /// <summary>Of values those that were written as their person's own act: a set of its own, since each call looks here.</summary>
    private readonly HashSet<string> acted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> erased = new(StringComparer.Ordinal);
    private long generation;

    /// <summary>Rises with everything that is forgotten. Take it before a write, for <see cref="Add(IEnumerable{PersonalValue}, long)"/>.</summary>
    public long Generation => Interlocked.Read(ref generation);

    public bool Contains(string key)
    {
        lock (gate)
            return keys.Contains(key);
    }

    /// <summary>Of the values of these entries those that are not known to be held, each once, in the order of their digests.</summary>
    public SortedDictionary<string, PersonalValue> Unknown(IReadOnlyList<AuditEntry> entries)
    {
        SortedDictionary<string, PersonalValue>? unknown = null;
        AddUnknown(entries, ref unknown);
        return unknown ?? new(StringComparer.Ordinal);
    }

    /// <summary>The same, added to those found before; where there is nothing to add, nothing is made.</summary>
    public void AddUnknown(IReadOnlyList<AuditEntry> entries, ref SortedDictionary<string, PersonalValue>? unknown)
    {
        lock (gate)
        {
            if (entries is SealedRun run)
            {
                foreach (var value in run.Values)
                    AddIfUnknown(value, ref unknown);
                return;
            }

            for (var i = 0; i < entries.Count; i++)
            {
                foreach (var value in entries[i].Values)
                    AddIfUnknown(value, ref unknown);
            }
        }
    }

    /// <summary>These are committed.</summary>
    public void Add(IReadOnlyCollection<string> committed)
    {
        if (committed.Count == 0)
            return;
        lock (gate)
        {
            MakeRoom();
            keys.UnionWith(committed);
        }
    }

    /// <summary>These values are committed. Since the given generation some may have been erased, or were not taken in: then none is taken for known.</summary>
    public void Add(IEnumerable<PersonalValue> committed, long since)
    {
        lock (gate)
        {
            if (since != generation)
                return;
            MakeRoom();
            foreach (var value in committed)
            {
                if (!erased.TryGetValue(value.Digest, out var at) || at < value.ActedAt)
                    (value.ActedAt == 0 ? keys : acted).Add(value.Digest);
            }
        }
    }

    /// <summary>The value is not held any more.</summary>
    public void Forget(string digest, long at)
    {
        lock (gate)
        {
            keys.Remove(digest);
            acted.Remove(digest);
            if (erased.Count >= MostErased)
                erased.Clear();
            erased[digest] = erased.TryGetValue(digest, out var before) ? Math.Max(before, at) : at;
            generation++;
        }
    }

    /// <summary>The store may have forgotten any of it.</summary>
    public void Clear()
    {
        lock (gate)
        {
            keys.Clear();
            acted.Clear();
            generation++;
        }
    }

    private void AddIfUnknown(PersonalValue value, ref SortedDictionary<string, PersonalValue>? unknown)
    {
        if (acted.Contains(value.Digest) || (value.ActedAt == 0 && keys.Contains(value.Digest)))
            return;
        unknown ??= new(StringComparer.Ordinal);
        // The latest act speaks for the others.
        if (!unknown.TryGetValue(value.Digest, out var other) || other.ActedAt < value.ActedAt)
            unknown[value.Digest] = value;
    }

    private void MakeRoom()
    {
        if (keys.Count + acted.Count <= Most)
            return;
        keys.Clear();
        acted.Clear();
    }
}
