using System.Runtime.InteropServices;

namespace JitGrains.Gateway.Overload;

/// <summary>
/// How much of what comes in has to be turned away so that the rest is served in time, from how late the process gets to its
/// work. Rises while work is late and falls while it is not, as CoDel does with a queue (RFC 8289): how long work waits, and not how
/// much of it there is, tells too much from just enough. Immutable and thread-safe.
/// </summary>
/// <param name="Share">Of new calls, 0 to 0.95.</param>
/// <param name="Late">How many looks in a row found work late.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Pressure(double Share, int Late)
{
    /// <summary>Some calls always get in: they tell when it is over.</summary>
    private const double Most = 0.95;

    /// <summary>One late look is a pause of the runtime or of the machine.</summary>
    private const int Patience = 2;

    /// <summary>After another look.</summary>
    /// <param name="delay">How long work waited before it was begun.</param>
    /// <param name="target">Work that waits no longer than this is in time.</param>
    public Pressure After(TimeSpan delay, TimeSpan target)
    {
        if (delay <= target)
            return new Pressure(Share < 0.02 ? 0 : (Share * 0.9) - 0.01, 0);
        if (Late + 1 < Patience)
            return this with { Late = Late + 1 };
        // The later, the more at once: at ten times the target nearly everything.
        var step = Math.Min(0.5, 0.05 * (delay / target));
        return new Pressure(Math.Min(Most, Share + ((1 - Share) * step)), Late + 1);
    }
}
