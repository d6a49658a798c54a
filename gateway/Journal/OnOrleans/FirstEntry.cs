namespace JitGrains.Gateway.Journal;

/// <summary>
/// When the first entry of a journal's chain is in the store: right after the lease, by a transaction of its own. Where that
/// one fails, the grain's outbox has the entry and delivers it later; what follows it waits, and the chain is one.
/// </summary>
internal static class FirstEntry
{
    /// <summary>As long as allowed calls go on without a lease: the outbox has tried several times, or the store is lost.</summary>
    public static TimeSpan MayBeLate => TimeSpan.FromSeconds(30);
}
