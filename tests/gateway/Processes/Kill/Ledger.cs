using System.Collections.Concurrent;

namespace JitGrains.GatewayTests.Processes.Kill;

/// <summary>Everything that clients were told, and everything that contradicts it. Outlives every gateway. Thread-safe.</summary>
internal sealed class Ledger(IReadOnlyDictionary<string, string> tokens)
{
    private readonly ConcurrentDictionary<string, Ask> byOrder = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (long Sequence, string Hash)> heads = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> violations = new();
    private readonly ConcurrentDictionary<string, int> counts = new(StringComparer.Ordinal);
    private int orders;

    public IEnumerable<Ask> Asks => byOrder.Values;

    public IReadOnlyCollection<string> Violations => violations;

    /// <summary>How many of what there was, by name.</summary>
    public IEnumerable<KeyValuePair<string, int>> Counts => counts.OrderBy(c => c.Key, StringComparer.Ordinal);

    /// <summary>The callers: alice, and alice through agents.</summary>
    public IReadOnlyList<string> Callers { get; } = [.. tokens.Keys.Where(k => k.StartsWith("alice", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    public string TokenOf(string name) => tokens[name];

    /// <summary>A new ask about an order of its own.</summary>
    public Ask New(AskKind kind, string caller)
    {
        var ask = new Ask(kind, caller, $"{Interlocked.Increment(ref orders)}");
        byOrder[ask.Order] = ask;
        return ask;
    }

    /// <summary>The ask behind a resource (<c>order=42</c>).</summary>
    public Ask? Of(string resource) => byOrder.GetValueOrDefault(resource[(resource.IndexOf('=', StringComparison.Ordinal) + 1)..]);

    public void Count(string what, int by = 1) => counts.AddOrUpdate(what, by, (_, n) => n + by);

    public int CountOf(string what) => counts.GetValueOrDefault(what);

    public void Violation(string what) => violations.Enqueue(what);

    /// <summary>Something must hold; where it does not, that is a violation.</summary>
    public void Must(bool holds, string what)
    {
        if (!holds)
            Violation(what);
    }

    /// <summary>An auditor has read this head of a chain.</summary>
    public void Remember(string source, long sequence, string hash) => heads[source] = (sequence, hash);

    /// <summary>The heads remembered since this was last asked.</summary>
    public IReadOnlyDictionary<string, (long Sequence, string Hash)> TakeHeads()
    {
        var taken = new Dictionary<string, (long, string)>(heads, StringComparer.Ordinal);
        heads.Clear();
        return taken;
    }
}
