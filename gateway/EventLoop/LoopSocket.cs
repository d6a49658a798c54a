using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace JitGrains.Gateway.EventLoop;

/// <summary>
/// A socket of the loop's. Receives and sends at once or not at all; who waits is told by <see cref="Readable"/> and
/// <see cref="Writable"/>. One may receive while another sends; <see cref="Close"/> may come from anywhere.
/// </summary>
internal sealed class LoopSocket : IThreadPoolWorkItem
{
    private readonly SocketLoop loop;
    private readonly Socket socket;
    private readonly Action? onEnd;
    private volatile bool hasEnded;
    private volatile bool isClosed;
    private bool isDrained;
    private bool isWatchedForWriting;
    private int closing;

    /// <param name="loop">The loop.</param>
    /// <param name="socket">What nobody else reads or writes; no operation of its own may have waited for it.</param>
    /// <param name="onReadable">Who waits for <see cref="Readable"/> is told by this.</param>
    /// <param name="onWritable">Who waits for <see cref="Writable"/> is told by this.</param>
    /// <param name="onEnd">The peer sends nothing more, or the connection is over on either side; may be said more than once.</param>
    public LoopSocket(SocketLoop loop, Socket socket, Action onReadable, Action onWritable, Action? onEnd = null)
    {
        (this.loop, this.socket, this.onEnd) = (loop, socket, onEnd);
        (Handle, Readable, Writable) = (socket.SafeHandle, new Readiness(onReadable), new Readiness(onWritable));
    }

    public SafeSocketHandle Handle { get; }

    /// <summary>What the loop knows it by.</summary>
    public ulong Id { get; set; }

    public Readiness Readable { get; }

    public Readiness Writable { get; }

    /// <summary>Whether it was closed on this side.</summary>
    public bool IsClosed => isClosed;

    /// <summary>Whether nothing is there to receive, not even the end, as far as the loop has heard.</summary>
    public bool IsDrained => isDrained && !hasEnded && !Readable.IsReady;

    /// <summary>Has the loop watch it.</summary>
    /// <exception cref="ObjectDisposedException">It is closed, or the loop has stopped.</exception>
    public void Watch(bool alsoWritable = false)
    {
        isWatchedForWriting = alsoWritable;
        loop.Watch(this, alsoWritable);
    }

    /// <summary>Who waits until it is writable, or until it has failed, is told from now on.</summary>
    /// <exception cref="ObjectDisposedException">It is closed, or the loop has stopped.</exception>
    public void WatchWritable()
    {
        if (isWatchedForWriting)
            return;
        isWatchedForWriting = true;
        loop.WatchWritable(this);
    }

    /// <summary>Whether nothing came, not even the end; asks the system where the loop has heard of anything.</summary>
    public bool IsSilent()
    {
        if (hasEnded || isClosed)
            return false;
        if (IsDrained)
            return true;
        try
        {
            Readable.Clear();
            Span<byte> one = stackalloc byte[1];
            // What is there now is not said again.
            isDrained = Libc.Receive(Handle, one, Libc.Now | Libc.Peek) < 0 && Marshal.GetLastPInvokeError() == Libc.Again;
            return IsDrained;
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Receives what is there.</summary>
    /// <returns>How much; 0 at the end; less where nothing is there.</returns>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public int TryReceive(Span<byte> into)
    {
        if (IsDrained)
            return -1;
        // Before the look: what comes during it is another change.
        Readable.Clear();
        nint count;
        do
            count = Libc.Receive(Handle, into, Libc.Now);
        while (count < 0 && Marshal.GetLastPInvokeError() == Libc.Interrupted);
        // Less than there was room for is all there was; what comes later is a change. The end came as one, and comes no more.
        isDrained = count < into.Length && count != 0;
        return count >= 0 ? (int)count : Marshal.GetLastPInvokeError() == Libc.Again ? -1 : throw Libc.Failure();
    }

    /// <summary>Sends what is taken.</summary>
    /// <returns>How much; less than 0 where nothing is taken now.</returns>
    /// <exception cref="SocketException">The connection broke.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public int TrySend(ReadOnlySpan<byte> from)
    {
        Writable.Clear();
        nint count;
        do
            count = Libc.Send(Handle, from);
        while (count < 0 && Marshal.GetLastPInvokeError() == Libc.Interrupted);
        return Sent(count);
    }

    /// <inheritdoc cref="TrySend(ReadOnlySpan{byte})"/>
    public int TrySend(ReadOnlySpan<Libc.Piece> pieces)
    {
        Writable.Clear();
        nint count;
        do
            count = Libc.Send(Handle, pieces);
        while (count < 0 && Marshal.GetLastPInvokeError() == Libc.Interrupted);
        return Sent(count);
    }

    /// <summary>Whether what was begun on it has failed, as to connect.</summary>
    /// <exception cref="SocketException">It has.</exception>
    /// <exception cref="ObjectDisposedException">It is closed.</exception>
    public void ThrowIfFailed()
    {
        if (socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error) is int error and not 0)
            throw new SocketException(error);
    }

    /// <summary>What the loop found.</summary>
    public void Came(uint flags)
    {
        var isEnd = (flags & (Libc.PeerHungUp | Libc.HungUp | Libc.Error)) != 0;
        // Before who waits is told: a look that finds less than it has room for is not the last then.
        if (isEnd)
            hasEnded = true;
        if ((flags & (Libc.Out | Libc.HungUp | Libc.Error)) != 0)
            Writable.Signal();
        if ((flags & ~Libc.Out) != 0)
            Readable.Signal();
        if (isEnd)
            onEnd?.Invoke();
    }

    /// <summary>Closes it: what waits goes on, on a thread of the pool, and fails.</summary>
    /// <param name="abortively">Whether what was sent and not taken yet is thrown away, and the peer told that it broke.</param>
    public void Close(bool abortively)
    {
        if (Interlocked.Exchange(ref closing, 1) != 0)
            return;
        loop.Forget(this);
        isClosed = true;
        if (abortively)
        {
            socket.Close(0);
        }
        else
        {
            try
            {
                socket.Shutdown(SocketShutdown.Both);
            }
            catch (SocketException)
            {
                // The other side was first.
            }

            socket.Dispose();
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        Writable.Signal();
        Readable.Signal();
        onEnd?.Invoke();
    }

    private static int Sent(nint count) => count >= 0 ? (int)count : Marshal.GetLastPInvokeError() == Libc.Again ? -1 : throw Libc.Failure();
}
