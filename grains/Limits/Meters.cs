using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace JitGrains.Limits;

/// <summary>
/// The count behind one key of a limit, as a value that lies in a table: pure, without a clock, and all zero when new. Times
/// are fine ticks (<see cref="MeterTerms.FineTicks"/>) of a clock that never goes back.
/// </summary>
/// <typeparam name="TSelf">The meter.</typeparam>
internal interface IMeter<TSelf>
    where TSelf : struct, IMeter<TSelf>
{
    /// <summary>Takes units, all or none.</summary>
    static abstract bool TryTake(ref TSelf meter, in MeterTerms terms, long now, int units);

    /// <summary>Takes a take back.</summary>
    static abstract void GiveBack(ref TSelf meter, in MeterTerms terms, long takenAt, int units);

    /// <summary>How many could be taken now.</summary>
    static abstract int Remaining(ref TSelf meter, in MeterTerms terms, long now);

    /// <summary>How many are used up.</summary>
    static abstract int Used(ref TSelf meter, in MeterTerms terms, long now);

    /// <summary>Says the same under other numbers.</summary>
    static abstract void Rescale(ref TSelf meter, in MeterTerms terms, in MeterTerms others, long now);

    /// <summary>How long until as many could be taken, were there no others; zero where they could be now.</summary>
    static abstract long Wait(ref TSelf meter, in MeterTerms terms, long now, int units);

    /// <summary>Whether it is no different from a new one, so that forgetting it gives nothing away.</summary>
    static abstract bool IsFresh(ref TSelf meter, in MeterTerms terms, long now);
}

/// <summary>A limit's numbers, made ready, or those of the parts of it that this process has.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly struct MeterTerms
{
    /// <summary>Fine ticks in a tick: a rate of a million a second is kept to a hundredth of a percent.</summary>
    public const int FineTicks = 1024;

    /// <summary>Parts of a sliding window.</summary>
    public const int Slots = 16;

    public MeterTerms(LimitTerms terms, int parts)
    {
        Most = (int)Math.Max(1, (long)terms.Most * parts / terms.Parts);
        switch (terms.Algorithm)
        {
            case LimitAlgorithm.Bucket:
                // Rounded up: a bucket never fills faster than it says.
                Step = (long)((((Int128)Fine(terms.Period) * terms.Parts) + ((long)terms.Units * parts) - 1) / ((long)terms.Units * parts));
                Depth = Step * Most;
                break;
            case LimitAlgorithm.Window:
                // One slot more than the period has parts: the oldest counts whole though it may lie half outside.
                Step = Ceiling(Fine(terms.Period), Slots - 1);
                break;
            default:
                break;
        }
    }

    /// <summary>Units that there can be at once.</summary>
    public int Most { get; }

    /// <summary>Of a bucket, the time in which one unit comes back; of a window, the length of a slot.</summary>
    public long Step { get; }

    /// <summary>The time in which an empty bucket fills.</summary>
    public long Depth { get; }

    public static long Fine(TimeSpan time) => time.Ticks * FineTicks;

    public static TimeSpan TimeOf(long fine) => TimeSpan.FromTicks(Ceiling(fine, FineTicks));

    private static long Ceiling(long value, long by) => (value + by - 1) / by;
}

/// <summary>A token bucket in one number (the generic cell rate algorithm of ITU-T I.371): when it will be full again.</summary>
internal struct BucketMeter : IMeter<BucketMeter>
{
    private long fullAt;

    public static bool TryTake(ref BucketMeter meter, in MeterTerms terms, long now, int units)
    {
        var after = Math.Max(meter.fullAt, now) + (terms.Step * units);
        if (after - now > terms.Depth)
            return false;
        meter.fullAt = after;
        return true;
    }

    public static void GiveBack(ref BucketMeter meter, in MeterTerms terms, long takenAt, int units) => meter.fullAt -= terms.Step * units;

    public static int Remaining(ref BucketMeter meter, in MeterTerms terms, long now) =>
        (int)(Math.Max(0, terms.Depth - Math.Max(0, meter.fullAt - now)) / terms.Step);

    public static int Used(ref BucketMeter meter, in MeterTerms terms, long now) =>
        (int)((Math.Max(0, meter.fullAt - now) + terms.Step - 1) / terms.Step);

    public static void Rescale(ref BucketMeter meter, in MeterTerms terms, in MeterTerms others, long now)
    {
        if (meter.fullAt > now)
            meter.fullAt = now + (long)((Int128)(meter.fullAt - now) * others.Step / terms.Step);
    }

    public static long Wait(ref BucketMeter meter, in MeterTerms terms, long now, int units) =>
        Math.Max(0, Math.Max(meter.fullAt, now) + (terms.Step * units) - terms.Depth - now);

    public static bool IsFresh(ref BucketMeter meter, in MeterTerms terms, long now) => meter.fullAt <= now;
}

/// <summary>
/// A sliding window of 16 slots, each a fifteenth of the period long. The oldest counts whole, so there are never more
/// units within any stretch as long as the period; what was taken stops counting at most a fifteenth late.
/// </summary>
[StructLayout(LayoutKind.Auto)]
internal struct WindowMeter : IMeter<WindowMeter>
{
    private long newest;
    private int total;
    private Counts counts;

    public static bool TryTake(ref WindowMeter meter, in MeterTerms terms, long now, int units)
    {
        meter.MoveTo(now / terms.Step);
        if (units > terms.Most - meter.total)
            return false;
        meter.counts[(int)(meter.newest % MeterTerms.Slots)] += units;
        meter.total += units;
        return true;
    }

    public static void GiveBack(ref WindowMeter meter, in MeterTerms terms, long takenAt, int units)
    {
        var slot = takenAt / terms.Step;
        if (slot <= meter.newest - MeterTerms.Slots || slot > meter.newest)
            return;
        ref var count = ref meter.counts[(int)(slot % MeterTerms.Slots)];
        var back = Math.Min(count, units);
        count -= back;
        meter.total -= back;
    }

    public static int Remaining(ref WindowMeter meter, in MeterTerms terms, long now)
    {
        meter.MoveTo(now / terms.Step);
        return Math.Max(0, terms.Most - meter.total);
    }

    public static int Used(ref WindowMeter meter, in MeterTerms terms, long now)
    {
        meter.MoveTo(now / terms.Step);
        return meter.total;
    }

    public static void Rescale(ref WindowMeter meter, in MeterTerms terms, in MeterTerms others, long now)
    {
        // Units are units, whatever the limit.
    }

    public static long Wait(ref WindowMeter meter, in MeterTerms terms, long now, int units)
    {
        meter.MoveTo(now / terms.Step);
        var missing = units - (terms.Most - meter.total);
        for (var slot = meter.newest - MeterTerms.Slots + 1; missing > 0 && slot <= meter.newest; slot++)
        {
            if (slot < 0)
                continue;
            missing -= meter.counts[(int)(slot % MeterTerms.Slots)];
            if (missing <= 0)
                return ((slot + MeterTerms.Slots) * terms.Step) - now;
        }

        return 0;
    }

    public static bool IsFresh(ref WindowMeter meter, in MeterTerms terms, long now)
    {
        meter.MoveTo(now / terms.Step);
        return meter.total == 0;
    }

    private void MoveTo(long slot)
    {
        if (slot <= newest)
            return;
        if (slot - newest >= MeterTerms.Slots)
        {
            counts = default;
            total = 0;
        }
        else
        {
            for (var gone = newest + 1; gone <= slot; gone++)
            {
                ref var count = ref counts[(int)(gone % MeterTerms.Slots)];
                total -= count;
                count = 0;
            }
        }

        newest = slot;
    }

    [InlineArray(MeterTerms.Slots)]
    private struct Counts
    {
        private int first;
    }
}

/// <summary>How many run at the moment.</summary>
internal struct ConcurrencyMeter : IMeter<ConcurrencyMeter>
{
    /// <summary>When one of them will be over is not known: it is worth another try after this.</summary>
    private const long TryAgain = TimeSpan.TicksPerSecond * MeterTerms.FineTicks;

    private int running;

    public static bool TryTake(ref ConcurrencyMeter meter, in MeterTerms terms, long now, int units)
    {
        if (units > terms.Most - meter.running)
            return false;
        meter.running += units;
        return true;
    }

    public static void GiveBack(ref ConcurrencyMeter meter, in MeterTerms terms, long takenAt, int units) => meter.running -= units;

    public static int Remaining(ref ConcurrencyMeter meter, in MeterTerms terms, long now) => Math.Max(0, terms.Most - meter.running);

    public static int Used(ref ConcurrencyMeter meter, in MeterTerms terms, long now) => meter.running;

    public static void Rescale(ref ConcurrencyMeter meter, in MeterTerms terms, in MeterTerms others, long now)
    {
        // The same.
    }

    public static long Wait(ref ConcurrencyMeter meter, in MeterTerms terms, long now, int units) =>
        units > terms.Most - meter.running ? TryAgain : 0;

    public static bool IsFresh(ref ConcurrencyMeter meter, in MeterTerms terms, long now) => meter.running == 0;
}
