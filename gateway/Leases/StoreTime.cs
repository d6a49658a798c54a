namespace JitGrains.Gateway.Leases;

/// <summary>
/// The time by which grants end. They are made by the store's clock, and a gateway whose own is behind would go on with them:
/// so it is the later of its own and the store's, which each registration and renewal tells. Between two of them the store's
/// goes on by the gateway's monotonic clock, counted from before the renewal was sent, so that it is rather early than late.
/// A clock that is ahead ends grants early. Thread-safe.
/// </summary>
internal sealed class StoreTime(LeaseClock clock, TimeProvider own) : TimeProvider
{
    private Told? told;

    public override long TimestampFrequency => own.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => own.LocalTimeZone;

    /// <summary>The store's clock showed this some time after that moment.</summary>
    public void Tell(DateTimeOffset? storeNow, LeaseInstant sentAt)
    {
        if (storeNow is { } then)
            Volatile.Write(ref told, new Told(then, sentAt.Monotonic));
    }

    public override DateTimeOffset GetUtcNow()
    {
        var now = own.GetUtcNow();
        if (Volatile.Read(ref told) is not { } last)
            return now;
        var store = last.StoreNow + (clock.Now.Monotonic - last.SentAt);
        return store > now ? store : now;
    }

    public override long GetTimestamp() => own.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => own.CreateTimer(callback, state, dueTime, period);

    private sealed record Told(DateTimeOffset StoreNow, TimeSpan SentAt);
}
