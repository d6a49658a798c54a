namespace JitGrains.TestSupport;

/// <summary>Counts what a piece of code allocates.</summary>
public static class Allocations
{
    private const int Attempts = 10;

    /// <summary>
    /// The bytes that the calling thread allocates in one round: the least of several. The runtime, compiling anew on the way, may
    /// allocate on any thread, but not each time; a round that allocates does. The round runs at least twice, the first to warm up.
    /// </summary>
    public static long Least(Action round)
    {
        ArgumentNullException.ThrowIfNull(round);
        round();
        var least = long.MaxValue;
        for (var attempt = 0; attempt < Attempts && least > 0; attempt++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            round();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
