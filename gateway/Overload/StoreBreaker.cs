namespace JitGrains.Gateway.Overload;

/// <summary>
/// Whether the store is worth asking: closed while it answers, open for a moment after it failed several times in a row, and
/// then open to a single one who tries. Immutable and thread-safe.
/// </summary>
/// <param name="Failures">In a row.</param>
/// <param name="OpenUntil">A timestamp; while it is not reached nobody asks.</param>
/// <param name="Trying">Whether somebody tries now, with everybody else waiting for what comes of it.</param>
internal readonly record struct StoreBreaker(int Failures, long OpenUntil, bool Trying)
{
    private const int Most = 5;

    /// <summary>Whether it is open.</summary>
    public bool IsOpen => Failures >= Most;

    /// <summary>Whether one who comes now may ask, and what is known then.</summary>
    public (StoreBreaker Next, bool Admitted) Enter(long now)
    {
        if (!IsOpen)
            return (this, true);
        return now < OpenUntil || Trying ? (this, false) : (this with { Trying = true }, true);
    }

    /// <summary>After somebody asked.</summary>
    /// <param name="succeeded">Whether the store answered.</param>
    /// <param name="now">The time.</param>
    /// <param name="openFor">How long to leave it alone; in ticks of the timestamp.</param>
    public StoreBreaker Left(bool succeeded, long now, long openFor) =>
        succeeded ? default : new StoreBreaker(Math.Min(Failures + 1, Most), now + openFor, Trying: false);
}
