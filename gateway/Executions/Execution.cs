using JitGrains.Gateway.RequestPath;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Gateway.Executions;

/// <summary>
/// One forwarded call's right to run. It is pending until the last check has let it through, starting until its first byte
/// is known to be with the upstream, and running then. Ending its grant turns it dead while it is pending; while it is
/// starting or running it is cancelled (a running one not where its action drains). Each is one step, so there is no moment
/// in between. Thread-safe.
/// </summary>
internal sealed class Execution : IDisposable
{
    private const int Pending = 0;
    private const int Starting = 1;
    private const int Running = 2;

    /// <summary>Ended while it was starting: a byte may still be on its way until it is disposed.</summary>
    private const int Cut = 3;
    private const int Dead = 4;

    /// <summary>Timers take no longer spans; what ends later than that ends with the process.</summary>
    private static readonly TimeSpan LongestTimer = TimeSpan.FromDays(40);

    /// <summary>So much before its deadline it gets a timer; more than a look each second can be late.</summary>
    private static readonly TimeSpan Near = TimeSpan.FromSeconds(3);

    private readonly CancellationTokenSource cancellation = new();
    private readonly Lock gate = new();
    private TaskCompletionSource? settled;
    private readonly Action? watched;
    private ITimer? timer;
    private TimeProvider? clock;
    private DateTimeOffset endsAt = DateTimeOffset.MaxValue;
    private string endsBecause = "";
    private int state;
    private bool disposed;

    /// <param name="caller">Whose call it is.</param>
    /// <param name="grant">The grant it runs under, if any.</param>
    /// <param name="drain">Whether it outlives grant and token once started.</param>
    /// <param name="incarnation">The gateway incarnation under which it begins.</param>
    /// <param name="watched">Called where it has a deadline that is not near; then <see cref="ArmIfNear"/> is to be called each second. Without it, any deadline has a timer.</param>
    public Execution(Caller caller, Grant? grant, bool drain, string incarnation, Action? watched = null)
    {
        this.watched = watched;
        Caller = caller;
        CallerKey = caller.Key;
        Grant = grant;
        Drain = drain;
        Incarnation = incarnation;
    }

    public Caller Caller { get; }

    public string CallerKey { get; }

    /// <summary>The grant it runs under, or null where an allow rule lets it.</summary>
    public Grant? Grant { get; }

    /// <summary>Whether it outlives its grant and token once started.</summary>
    public bool Drain { get; }

    /// <summary>The gateway incarnation under which it began.</summary>
    public string Incarnation { get; }

    /// <summary>The call, from before it may start: what another policy is held against.</summary>
    public Call? Call { get; set; }

    /// <summary>Cancelled when it must end.</summary>
    public CancellationToken Token => cancellation.Token;

    /// <summary>Why it had to end, as one of the outcome's words; null while it had not.</summary>
    public string? EndedBy { get; private set; }

    // Its place among the executions of its stripe; the registry's.
    internal Execution? Next { get; set; }

    internal Execution? Previous { get; set; }

    internal ExecutionStripe? Stripe { get; set; }

    /// <summary>Whether it has to be waited for until it is known whether its first byte went out.</summary>
    internal bool IsUnsettled => Volatile.Read(ref state) is Starting or Cut;

    /// <summary>From pending to starting, or once more where the request is sent another time; false where it is dead.</summary>
    public bool TryStart()
    {
        while (Volatile.Read(ref state) is Pending or Starting or Running)
        {
            if (Interlocked.CompareExchange(ref state, Starting, Pending) == Pending
                || Interlocked.CompareExchange(ref state, Starting, Running) is Running or Starting)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Its first byte is with the upstream.</summary>
    public void Started()
    {
        if (Interlocked.CompareExchange(ref state, Running, Starting) == Starting
            || Interlocked.CompareExchange(ref state, Dead, Cut) == Cut)
        {
            Settle();
        }
    }

    /// <summary>Ends it at this time if it still runs then; of several such times, at the earliest.</summary>
    public void EndAt(DateTimeOffset deadline, string because, TimeProvider time)
    {
        var left = deadline - time.GetUtcNow();
        if (left <= TimeSpan.Zero)
        {
            End(because);
            return;
        }

        if (left >= LongestTimer)
            return;
        lock (gate)
        {
            if (deadline >= endsAt || disposed)
                return;
            (endsAt, endsBecause, clock) = (deadline, because, time);
            timer?.Dispose();
            timer = null;
            if (left <= Near || watched is null)
            {
                Arm(left);
                return;
            }
        }

        // Nearly all are over long before: a timer for each would cost more than the rest of what is kept of it.
        watched();
    }

    /// <summary>Gives it a timer of its own where its deadline is near; true where it is yet to be watched.</summary>
    internal bool ArmIfNear()
    {
        lock (gate)
        {
            if (disposed || clock is null || timer is not null)
                return false;
            var left = endsAt - clock.GetUtcNow();
            if (left > Near)
                return true;
            Arm(left > TimeSpan.Zero ? left : TimeSpan.Zero);
            return false;
        }
    }

    private void Arm(TimeSpan left)
    {
        var because = endsBecause;
        timer = clock!.CreateTimer(_ => End(because), null, left, Timeout.InfiniteTimeSpan);
    }

    /// <summary>It must end: what let it run is gone, or its time is over.</summary>
    /// <param name="because">One of the outcome's words.</param>
    /// <param name="terminate">Whether it is cut although its action drains.</param>
    public void End(string because, bool terminate = false)
    {
        if (Move(Pending, Dead, because) || (Drain && !terminate))
            return;
        // Where the request is sent once more it goes from one to the other and back: looking at each once could miss both.
        while (Volatile.Read(ref state) is Starting or Running && !Move(Starting, Cut, because) && !Move(Running, Dead, because))
        {
        }
    }

    /// <summary>It must not start, whether its action drains or not; once it runs nothing happens.</summary>
    public void Kill(string because) => _ = Move(Pending, Dead, because) || Move(Starting, Cut, because);

    /// <summary>Completes when it is known whether its first byte went out: it runs, or is over. At once where it cannot start.</summary>
    public Task WhenSettled()
    {
        lock (gate)
        {
            if (disposed || !IsUnsettled)
                return Task.CompletedTask;
            settled ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        // It may have moved on before there was something to complete.
        if (!IsUnsettled)
            Settle();
        return settled.Task;
    }

    public void Dispose()
    {
        Stripe?.Remove(this);
        lock (gate)
        {
            if (disposed)
                return;
            disposed = true;
            timer?.Dispose();
            cancellation.Dispose();
        }

        Settle();
    }

    private bool Move(int from, int to, string because)
    {
        if (Interlocked.CompareExchange(ref state, to, from) != from)
            return false;
        lock (gate)
        {
            if (disposed)
                return true;
            EndedBy = because;
            // The token counts as cancelled at once; what listens to it is run elsewhere, for this may be a committing turn.
            _ = cancellation.CancelAsync();
        }

        return true;
    }

    private void Settle()
    {
        TaskCompletionSource? waiting;
        lock (gate)
            waiting = settled;
        waiting?.TrySetResult();
    }
}
