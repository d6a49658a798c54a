namespace JitGrains.Gateway.EventLoop;

/// <summary>
/// Whether a socket may have become readable, or writable, since somebody last looked; and who waits for that. Signals come from
/// any thread; looking, and waiting, is for one at a time. What comes between a look and the wait after it is not lost. Thread-safe.
/// </summary>
internal sealed class Readiness(Action wake)
{
    private const int Quiet = 0;
    private const int Ready = 1;
    private const int Waiting = 2;

    private int state;

    /// <summary>Whether something came that nobody has looked at.</summary>
    public bool IsReady => Volatile.Read(ref state) == Ready;

    /// <summary>Before a look: what comes from now on counts as new.</summary>
    public void Clear() => Interlocked.CompareExchange(ref state, Quiet, Ready);

    /// <summary>Waits: <c>wake</c> is called once, unless <see cref="TryLeave"/> was first. False where something came meanwhile.</summary>
    public bool TryWait() => Interlocked.CompareExchange(ref state, Waiting, Quiet) == Quiet;

    /// <summary>Waits no longer; false where nobody waits, or is being woken.</summary>
    public bool TryLeave() => Interlocked.CompareExchange(ref state, Quiet, Waiting) == Waiting;

    /// <summary>Something came. Wakes who waits on this thread.</summary>
    public void Signal()
    {
        if (Interlocked.Exchange(ref state, Ready) == Waiting)
            wake();
    }
}
