namespace JitGrains.Gateway.EventLoop;

/// <summary>
/// The events that a thread of the loop found at once. It takes one after the other, and others that have none of their own take from
/// its rest: who is busy with one for long keeps nobody waiting. Filled by its owner, taken from by anybody. Thread-safe.
/// </summary>
internal sealed unsafe class LoopBatch
{
    /// <summary>Most events found at once.</summary>
    public const int Most = 16;

    // How often it was filled, how many were taken, how many there are: of one word, so that nobody takes one of an earlier filling.
    private const int TakenShift = 16;
    private const int RoundShift = 32;
    private const long Mask = 0xffff;

    private readonly byte[] events = GC.AllocateArray<byte>(Most * 16, pinned: true);
    private long state;

    /// <summary>Where the kernel writes them; while none are left only.</summary>
    public byte* Events => (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref events[0]);

    /// <summary>Whether any are left.</summary>
    public bool HasRest
    {
        get
        {
            var seen = Volatile.Read(ref state);
            return ((seen >> TakenShift) & Mask) < (seen & Mask);
        }
    }

    /// <summary>So many are there now. By its owner, when none were left.</summary>
    public void Filled(int count) => Interlocked.Exchange(ref state, ((Round(state) + 1) << RoundShift) | (uint)count);

    /// <summary>Takes the next.</summary>
    public bool TryTake(out uint flags, out ulong data)
    {
        while (true)
        {
            var seen = Volatile.Read(ref state);
            var taken = (seen >> TakenShift) & Mask;
            if (taken >= (seen & Mask))
            {
                (flags, data) = (0, 0);
                return false;
            }

            // Read before it is taken: what was read counts only if nobody took it, and it was not filled anew.
            (flags, data) = Libc.Event(Events, (int)taken);
            if (Interlocked.CompareExchange(ref state, seen + (1L << TakenShift), seen) == seen)
                return true;
        }
    }

    private static long Round(long state) => (state >> RoundShift) & 0x7fffffff;
}
