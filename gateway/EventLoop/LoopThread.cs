namespace JitGrains.Gateway.EventLoop;

/// <summary>A thread of the loop, as others see it. One that is extra leaves when it finds nothing for a while.</summary>
internal sealed class LoopThread(bool isExtra)
{
    private const int ExtraPatience = 2000;

    private long begun;
    private long seen;
    private volatile bool isWaiting;

    public bool IsExtra { get; } = isExtra;

    public LoopBatch Batch { get; } = new();

    /// <summary>Milliseconds that it waits for something.</summary>
    public int Patience => IsExtra ? ExtraPatience : -1;

    /// <summary>Whether it has nothing to do.</summary>
    public bool IsWaiting
    {
        get => isWaiting;
        set => isWaiting = value;
    }

    /// <summary>Whether it has begun with anything since it was last asked. By one caller.</summary>
    public bool GotOn()
    {
        var now = Volatile.Read(ref begun);
        var got = now != seen;
        seen = now;
        return got;
    }

    /// <summary>It begins with something.</summary>
    public void Begun() => Volatile.Write(ref begun, begun + 1);
}
