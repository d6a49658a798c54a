using JitGrains.Gateway.Hosting;
using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Leases;

/// <summary>
/// The lease that this gateway holds. It counts from the moment before the renewal was sent, and once it was found over it
/// stays over: only another incarnation has a lease again. Thread-safe.
/// </summary>
internal sealed class GatewayLease(LeaseClock clock, IStoreHealth health, GatewayOptions options) : IGatewayLease
{
    private Term? current;
    private Renewal? latest;
    private string incarnation = "";

    public bool IsLive => Volatile.Read(ref current) is { } term && Holds(term) && health.Current.IsHealthy;

    public bool MayAllow => Volatile.Read(ref latest) is { } renewal && clock.Since(renewal.SentAt) < options.Lease + options.AllowMaxStale;

    public string Incarnation => Volatile.Read(ref incarnation);

    /// <summary>How long the lease holds yet, whatever the store's health; zero or less once it is over.</summary>
    public TimeSpan Left => Volatile.Read(ref current) is { } term && Holds(term) ? options.Lease - clock.Since(term.Renewal.SentAt) : TimeSpan.Zero;

    /// <summary>A lease begins that was asked for at this moment; false where it is over already.</summary>
    public bool Begin(string began, LeaseInstant sentAt)
    {
        if (clock.Since(sentAt) >= options.Lease)
            return false;
        Volatile.Write(ref incarnation, began);
        var renewal = new Renewal(sentAt);
        Volatile.Write(ref latest, renewal);
        Volatile.Write(ref current, new Term(renewal));
        return true;
    }

    /// <summary>It was renewed by what was sent at this moment; false, and nothing is changed, where it was over before the answer came.</summary>
    public bool Renew(LeaseInstant sentAt)
    {
        if (Volatile.Read(ref current) is not { } term || !Holds(term))
            return false;
        var renewal = new Renewal(sentAt);
        term.Renewal = renewal;
        Volatile.Write(ref latest, renewal);
        return true;
    }

    /// <summary>Gives it up.</summary>
    public void End() => Volatile.Write(ref current, null);

    private bool Holds(Term term)
    {
        if (term.IsOver)
            return false;
        if (clock.Since(term.Renewal.SentAt) < options.Lease)
            return true;
        term.IsOver = true;
        return false;
    }

    private sealed record Renewal(LeaseInstant SentAt);

    private sealed class Term(Renewal first)
    {
        private volatile Renewal renewal = first;
        private volatile bool isOver;

        public Renewal Renewal
        {
            get => renewal;
            set => renewal = value;
        }

        public bool IsOver
        {
            get => isOver;
            set => isOver = value;
        }
    }
}
