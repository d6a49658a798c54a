using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// Texts that many grants have, each kept once: names of actions, rules, approvers. So many at most; what comes later is kept with its
/// grant, as it came. Thread-safe.
/// </summary>
internal sealed class SharedTexts
{
    private const int Most = 20_000;

    private readonly ConcurrentDictionary<string, ImmutableArray<string>> texts = new(StringComparer.Ordinal);
    private int count;

    /// <summary>The text.</summary>
    public string Of(string text) => OneOf(text)[0];

    /// <summary>The text as the only one of an array.</summary>
    public ImmutableArray<string> OneOf(string text)
    {
        if (texts.TryGetValue(text, out var known))
            return known;
        if (Volatile.Read(ref count) >= Most)
            return [text];
        known = texts.GetOrAdd(text, static t => [t]);
        // More than once for the same where several come at a time: then somewhat fewer are kept.
        Interlocked.Increment(ref count);
        return known;
    }
}
