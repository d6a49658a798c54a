using System.Collections.Concurrent;

namespace JitGrains.Gateway.Exchange;

/// <summary>
/// How often each request is asked after, at this gateway: whoever comes back before its interval is over is told to slow down,
/// and has a longer one (RFC 8628 section 3.5). Bounded; thread-safe.
/// </summary>
internal sealed class PollPace(TimeProvider time)
{
    /// <summary>The first interval, and what each haste adds, in seconds.</summary>
    public const int Step = 5;

    private const int Longest = 60;
    private const int Capacity = 10_000;

    private readonly ConcurrentDictionary<string, (long At, int Interval)> known = new(StringComparer.Ordinal);

    /// <summary>Somebody asks: the interval until the next time, in seconds, and whether this time came too soon.</summary>
    public (int Interval, bool TooSoon) Asked(string requestId)
    {
        // Nothing rests on it: those that are forgotten begin anew.
        if (known.Count >= Capacity)
            known.Clear();
        var now = time.GetTimestamp();
        var tooSoon = false;
        var next = known.AddOrUpdate(requestId, (now, Step), (_, last) =>
        {
            tooSoon = time.GetElapsedTime(last.At, now) < TimeSpan.FromSeconds(last.Interval);
            return (now, tooSoon ? Math.Min(last.Interval + Step, Longest) : last.Interval);
        });
        return (next.Interval, tooSoon);
    }

    /// <summary>It is decided.</summary>
    public void Forget(string requestId) => known.TryRemove(requestId, out _);
}
