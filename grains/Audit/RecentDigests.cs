using System.Collections.Concurrent;

namespace JitGrains.Audit;

/// <summary>
/// Digests made lately, by their values: those of the same few callers come again and again. Bounded: two halves, of which the
/// older is dropped when the younger is full. Thread-safe.
/// </summary>
internal sealed class RecentDigests
{
    private const int HalfCapacity = 8_192;
    private const int LongestValue = 256;

    private ConcurrentDictionary<string, string> young = new(StringComparer.Ordinal);
    private ConcurrentDictionary<string, string> old = new(StringComparer.Ordinal);
    private int youngCount;

    public string? Find(string value)
    {
        if (Volatile.Read(ref young).TryGetValue(value, out var digest))
            return digest;
        if (Volatile.Read(ref old).TryGetValue(value, out digest))
            Add(value, digest);
        return digest;
    }

    public void Add(string value, string digest)
    {
        if (value.Length > LongestValue || !Volatile.Read(ref young).TryAdd(value, digest) || Interlocked.Increment(ref youngCount) < HalfCapacity)
            return;
        Volatile.Write(ref old, Interlocked.Exchange(ref young, new(StringComparer.Ordinal)));
        Volatile.Write(ref youngCount, 0);
    }
}
