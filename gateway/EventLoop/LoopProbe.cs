namespace JitGrains.Gateway.EventLoop;

/// <summary>Measures how long what comes waits for a thread, by something that comes of our own. Asked by one caller, answered by any thread.</summary>
internal sealed class LoopProbe(Action send, TimeProvider time)
{
    private long sent;
    private bool isOnItsWay;
    private long waited;

    /// <summary>How long the last one waited, or the one that is on its way has waited.</summary>
    public TimeSpan Late()
    {
        if (Volatile.Read(ref isOnItsWay))
            return time.GetElapsedTime(sent);
        var last = Interlocked.Exchange(ref waited, 0);
        sent = time.GetTimestamp();
        Volatile.Write(ref isOnItsWay, true);
        send();
        return TimeSpan.FromTicks(last);
    }

    /// <summary>It has come.</summary>
    public void Answer()
    {
        if (!Volatile.Read(ref isOnItsWay))
            return;
        Volatile.Write(ref waited, time.GetElapsedTime(sent).Ticks);
        Volatile.Write(ref isOnItsWay, false);
    }
}
