using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Rows that are written once and never change (callers, values behind digests), as far as this process has seen them
/// committed: for most turns there is nothing to add. Thread-safe.
/// </summary>
internal sealed class KnownKeys
{
    private const int Most = 100_000;

    private readonly Lock gate = new();
    private readonly HashSet<string> keys = new(StringComparer.Ordinal);

    public bool Contains(string key)
    {
        lock (gate)
            return keys.Contains(key);
    }

    /// <summary>The entries' personal values that are not known to be stored, each once, in the order of their digests.</summary>
    public SortedDictionary<string, string> Unknown(IReadOnlyList<AuditEntry> entries)
    {
        var unknown = new SortedDictionary<string, string>(StringComparer.Ordinal);
        lock (gate)
        {
            foreach (var value in entries is SealedRun run ? run.Values : entries.SelectMany(e => e.Values))
            {
                if (!keys.Contains(value.Digest))
                    unknown[value.Digest] = value.Value;
            }
        }

        return unknown;
    }

    /// <summary>These are committed.</summary>
    public void Add(IReadOnlyCollection<string> committed)
    {
        if (committed.Count == 0)
            return;
        lock (gate)
        {
            if (keys.Count > Most)
                keys.Clear();
            keys.UnionWith(committed);
        }
    }

    /// <summary>The store may have forgotten any of it.</summary>
    public void Clear()
    {
        lock (gate)
            keys.Clear();
    }
}
