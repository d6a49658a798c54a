namespace JitGrains.Gateway.Journal;

/// <summary>When the first entry of a journal's chain is in the store: with the lease, in one transaction.</summary>
internal static class FirstEntry
{
    /// <summary>Never: where it is not there, the store has lost it.</summary>
    public static TimeSpan MayBeLate => TimeSpan.Zero;
}
