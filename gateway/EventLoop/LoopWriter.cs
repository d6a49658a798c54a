using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;

namespace JitGrains.Gateway.EventLoop;

/// <summary>
/// What a caller is sent: goes to the system as it is flushed, which is done when the system has taken all of it. For one writer at a
/// time, as pipes are, but for <see cref="CancelPendingFlush"/>.
/// </summary>
internal sealed class LoopWriter(MemoryPool<byte> memory) : PipeWriter
{
    private const int MostPieces = 16;

    private readonly List<IMemoryOwner<byte>> owners = [];
    private readonly List<Memory<byte>> full = [];
    // Who closes the connection may be another than who writes.
    private readonly Lock gate = new();
    private LoopSocket socket = null!;
    private Flushing flushing = null!;
    private Memory<byte> current;
    private int written;
    private int start;
    private long unflushed;
    private bool isGone;
    private int isCancelled;

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => true;

    /// <inheritdoc/>
    public override long UnflushedBytes => unflushed;

    /// <summary>Writes to there.</summary>
    public void Attach(LoopSocket to) => (socket, flushing) = (to, new Flushing(this));

    /// <summary>More is taken.</summary>
    public void Wake() => flushing.Wake();

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        if (current.Length - written < Math.Max(1, sizeHint))
        {
            if (written > 0)
                full.Add(current[..written]);
            var owner = sizeHint <= memory.MaxBufferSize ? memory.Rent() : MemoryPool<byte>.Shared.Rent(sizeHint);
            owners.Add(owner);
            (current, written) = (owner.Memory, 0);
        }

        return current[written..];
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    /// <inheritdoc/>
    public override void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bytes, (uint)(current.Length - written), nameof(bytes));
        written += bytes;
        unflushed += bytes;
    }

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        var result = flushing.Run(cancellationToken);
        // Who cancelled between the look and the wait found nobody waiting.
        if (!result.IsCompleted && Volatile.Read(ref isCancelled) == 1)
            flushing.TryInterrupt();
        return result;
    }

    /// <inheritdoc/>
    public override void CancelPendingFlush()
    {
        Interlocked.Exchange(ref isCancelled, 1);
        flushing.TryInterrupt();
    }

    /// <summary>What was written is sent as far as it is taken now; who waits for it has flushed it.</summary>
    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        lock (gate)
        {
            if (exception is null && !socket.IsClosed)
                TrySend();
            isGone = true;
            Free();
        }
    }

    /// <summary>Sends all of it; false where not all is taken now.</summary>
    private bool TrySend()
    {
        try
        {
            while (unflushed > 0 && !isGone)
            {
                var count = full.Count == 0 ? socket.TrySend(current.Span[start..written]) : TrySendPieces();
                if (count < 0)
                    return false;
                Took(count);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            isGone = true;
        }

        if (owners.Count > 0)
            Free();
        return true;
    }

    private unsafe int TrySendPieces()
    {
        Span<Libc.Piece> pieces = stackalloc Libc.Piece[MostPieces];
        var pins = new MemoryHandle[Math.Min(MostPieces, full.Count + 1)];
        try
        {
            for (var i = 0; i < pins.Length; i++)
            {
                var piece = (i < full.Count ? full[i] : current[..written])[(i == 0 ? start : 0)..];
                pins[i] = piece.Pin();
                pieces[i] = new Libc.Piece { Start = (byte*)pins[i].Pointer, Length = piece.Length };
            }

            return socket.TrySend(pieces[..pins.Length]);
        }
        finally
        {
            foreach (var pin in pins)
                pin.Dispose();
        }
    }

    private void Took(int count)
    {
        unflushed -= count;
        start += count;
        var whole = 0;
        while (whole < full.Count && start >= full[whole].Length)
            start -= full[whole++].Length;
        full.RemoveRange(0, whole);
    }

    private void Free()
    {
        foreach (var owner in owners)
            owner.Dispose();
        owners.Clear();
        full.Clear();
        (current, written, start, unflushed) = (default, 0, 0, 0);
    }

    private sealed class Flushing(LoopWriter writer) : LoopOperation<FlushResult>(Sent)
    {
        protected override Readiness Readiness => writer.socket.Writable;

        public void TryInterrupt() => TryEnd(() =>
        {
            Interlocked.Exchange(ref writer.isCancelled, 0);
            return new FlushResult(isCanceled: true, writer.isGone);
        });

        protected override bool TryDo(out FlushResult result)
        {
            var isCancelled = Interlocked.Exchange(ref writer.isCancelled, 0) == 1;
            lock (writer.gate)
            {
                var isDone = writer.TrySend();
                result = new FlushResult(isCancelled, writer.isGone);
                return isDone || isCancelled;
            }
        }

        protected override void BeforeWaiting()
        {
            try
            {
                writer.socket.WatchWritable();
            }
            catch (ObjectDisposedException)
            {
                // Closing wakes who waits.
            }
        }
    }
}
