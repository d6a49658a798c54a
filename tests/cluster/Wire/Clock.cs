namespace JitGrains.ClusterTests.Wire;

/// <summary>
/// The one clock of a run: the machine's, CLOCK_REALTIME, which is also what the kernel stamps arriving packets with. Only
/// processes under test have theirs shifted.
/// </summary>
internal static class Clock
{
    private static readonly DateTimeOffset Start = TimeProvider.System.GetUtcNow();
    private static readonly long StartStamp = TimeProvider.System.GetTimestamp();

    public static DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    /// <summary>How far the machine's clock was set since the run began, beside going on: comparing times of a run is fair only while this is small.</summary>
    public static TimeSpan Drift => (Now - Start - TimeProvider.System.GetElapsedTime(StartStamp)).Duration();
}
