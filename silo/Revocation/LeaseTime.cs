namespace JitGrains.Silo.Revocation;

/// <summary>
/// The time by which leases are renewed, watched and waited out: the machine's own, whatever clock decisions go by. A lease
/// is about how long a process really was away, so nobody sets this clock but tests of leases.
/// </summary>
/// <param name="Provider">Its timers and timestamps; the timestamps must not go back.</param>
public sealed record LeaseTime(TimeProvider Provider)
{
    /// <summary>
    /// How much longer than a lease others wait: clocks run at rates that differ by far less, and the gateway counts by the
    /// faster of two.
    /// </summary>
    public const double Margin = 1.05;

    /// <summary>The machine's.</summary>
    public static readonly LeaseTime Machine = new(TimeProvider.System);
}
