namespace JitGrains.Shell;

/// <summary>
/// Sums of times that come from elsewhere. A turn that throws is tried again for ever and holds up all behind it, so what is
/// beyond the calendar's end stays at its end.
/// </summary>
internal static class Moments
{
    /// <summary>The time so much later, or the first or last that there is.</summary>
    public static DateTimeOffset Plus(this DateTimeOffset from, TimeSpan time)
    {
        if (time > DateTimeOffset.MaxValue - from)
            return DateTimeOffset.MaxValue;
        return time < DateTimeOffset.MinValue - from ? DateTimeOffset.MinValue : from + time;
    }
}
