namespace JitGrains.Gateway.Executions;

/// <summary>
/// One forwarded call's right to run. It is pending until its first upstream byte; ending its grant turns it dead if it is
/// still pending, and cancels it if it runs (unless its action drains). Both are one step each, so there is no moment in
/// between. Thread-safe.
/// </summary>
internal sealed class Execution : IDisposable
{
    private const int Pending = 0;
    private const int Running = 1;
    private const int Dead = 2;

    /// <summary>Timers take no longer spans; what ends later than that ends with the process.</summary>
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    private readonly CancellationTokenSource cancellation = new();
    private readonly Lock gate = new();
    private Action<Execution>? finished;
    private ITimer? timer;
    private DateTimeOffset endsAt = DateTimeOffset.MaxValue;
    private int state;
    private bool disposed;

    public Execution(string callerKey, string? grantId, bool drain, Action<Execution>? finished)
    {
        CallerKey = callerKey;
        GrantId = grantId;
        Drain = drain;
        this.finished = finished;
    }

    public string CallerKey { get; }

    /// <summary>The grant it runs under, or null where an allow rule lets it.</summary>
    public string? GrantId { get; }

    /// <summary>Whether it outlives its grant and token once started.</summary>
    public bool Drain { get; }

    /// <summary>Cancelled when it must end.</summary>
    public CancellationToken Token => cancellation.Token;

    /// <summary>Why it had to end, as one of the outcome's words; null while it had not.</summary>
    public string? EndedBy { get; private set; }

    /// <summary>From pending to running; false where it is dead.</summary>
    public bool TryStart() => Interlocked.CompareExchange(ref state, Running, Pending) == Pending;

    /// <summary>Ends it at this time if it still runs then; of several such times, at the earliest.</summary>
    public void EndAt(DateTimeOffset deadline, string because, TimeProvider time)
    {
        var left = deadline - time.GetUtcNow();
        if (left <= TimeSpan.Zero)
            End(because);
        else if (left < LongestTimer && deadline < endsAt)
        {
            timer?.Dispose();
            endsAt = deadline;
            timer = time.CreateTimer(_ => End(because), null, left, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>It must end: its grant is gone, or its time is over.</summary>
    public void End(string because)
    {
        var was = Drain ? Interlocked.CompareExchange(ref state, Dead, Pending) : Interlocked.Exchange(ref state, Dead);
        if (was == Dead || (was == Running && Drain))
            return;
        lock (gate)
        {
            if (disposed)
                return;
            EndedBy = because;
            // The token counts as cancelled at once; what listens to it is run elsewhere, for this may be a committing turn.
            _ = cancellation.CancelAsync();
        }
    }

    public void Dispose()
    {
        Interlocked.Exchange(ref finished, null)?.Invoke(this);
        timer?.Dispose();
        lock (gate)
        {
            if (disposed)
                return;
            disposed = true;
            cancellation.Dispose();
        }
    }
}
