namespace JitGrains.Limits;

/// <summary>The unit in which limits measure time. Stateless and thread-safe.</summary>
public static class LimitClock
{
    /// <summary>A time in fine ticks, 1024 to a tick of 100 ns: 28 years fit.</summary>
    public static long Fine(TimeSpan time) => MeterTerms.Fine(time);
}
