using System.Collections.Concurrent;
using JitGrains.Gateways;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// Since when this process knows of incarnations that they are condemned: no renewal that came later succeeded, so their
/// last lease is over when its length has passed since. Thread-safe.
/// </summary>
internal sealed class CondemnedGateways(LeaseTime time)
{
    private readonly ConcurrentDictionary<string, long> since = new(StringComparer.Ordinal);

    /// <summary>Notes that it is condemned, or closed: call it after the answer that said so has come. The first time counts.</summary>
    public void Note(string incarnation) => since.TryAdd(incarnation, time.Provider.GetTimestamp());

    /// <summary>Whether its lease is known to be open no more, which it never is again.</summary>
    public bool IsOver(string incarnation) => since.ContainsKey(incarnation);

    /// <summary>How long nothing can be taken for over yet; zero or less once it can.</summary>
    /// <param name="incarnation">The incarnation, noted before.</param>
    /// <param name="lease">Its lease.</param>
    /// <param name="withAllowRules">Whether calls under allow rules must be over too.</param>
    public TimeSpan Left(string incarnation, LeaseView lease, bool withAllowRules) => Left(lease, withAllowRules, Since(incarnation));

    /// <summary>Waits until its last lease is over; whether there was anything to wait for.</summary>
    public async Task<bool> WaitOutAsync(string incarnation, LeaseView lease, bool withAllowRules)
    {
        var waited = false;
        // Once: it may leave the directory meanwhile, and be forgotten here; whoever waits does not begin anew.
        var condemnedAt = Since(incarnation);
        // Timers may fire early by a tick, and what is left of a millisecond is no time to them: the loop would spin.
        while (Left(lease, withAllowRules, condemnedAt) is var left && left > TimeSpan.Zero)
        {
            waited = true;
            await Task.Delay(left + TimeSpan.FromMilliseconds(1), time.Provider);
        }

        return waited;
    }

    /// <summary>Forgets those that are not in the directory any more.</summary>
    public void Keep(IReadOnlySet<string> incarnations)
    {
        foreach (var gone in since.Keys.Where(i => !incarnations.Contains(i)))
            since.TryRemove(gone, out _);
    }

    private long Since(string incarnation) => since.GetOrAdd(incarnation, _ => time.Provider.GetTimestamp());

    private TimeSpan Left(LeaseView lease, bool withAllowRules, long condemnedAt)
    {
        // One that was condemned before it was opened never held anything.
        var length = withAllowRules ? lease.Lease + lease.AllowMaxStale : lease.Lease;
        return length * LeaseTime.Margin - time.Provider.GetElapsedTime(condemnedAt);
    }
}
