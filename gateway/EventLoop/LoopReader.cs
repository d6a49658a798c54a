using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace JitGrains.Gateway.EventLoop;

/// <summary>
/// What a caller sends, read when somebody asks for it and no earlier: memory is rented when there is something to put there.
/// For one reader at a time, as pipes are, but for <see cref="CancelPendingRead"/>.
/// </summary>
internal sealed class LoopReader(MemoryPool<byte> memory) : PipeReader
{
    // Less room than this is not worth a call of the system.
    private const int LeastRoom = 512;

    // Who closes the connection may be another than who reads.
    private readonly Lock gate = new();
    private LoopSocket socket = null!;
    private Reading reading = null!;
    private LoopSegment? first;
    private LoopSegment? last;
    private LoopSegment? spare;
    private int start;
    private bool isExamined = true;
    private bool isAtEnd;
    private bool isComplete;
    private Exception? failure;
    private int isCancelled;

    /// <summary>Reads from there.</summary>
    public void Attach(LoopSocket from) => (socket, reading) = (from, new Reading(this));

    /// <summary>There is something to read.</summary>
    public void Wake() => reading.Wake();

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        var result = reading.Run(cancellationToken);
        // Who cancelled between the look and the wait found nobody waiting.
        if (!result.IsCompleted && Volatile.Read(ref isCancelled) == 1)
            reading.TryInterrupt();
        return result;
    }

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result)
    {
        lock (gate)
            return TryTake(out result);
    }

    private bool TryTake(out ReadResult result)
    {
        ObjectDisposedException.ThrowIf(isComplete, this);
        if (Interlocked.Exchange(ref isCancelled, 0) == 1)
        {
            result = Result(isCancelled: true);
            return true;
        }

        if (isExamined && !isAtEnd)
            Fill();
        if (isExamined && failure is not null)
            throw failure;
        result = Result(isCancelled: false);
        return !isExamined || isAtEnd;
    }

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        lock (gate)
            Advance(consumed, examined);
    }

    private void Advance(SequencePosition consumed, SequencePosition examined)
    {
        if (first is null)
            return;
        isExamined = ReferenceEquals(examined.GetObject(), last) && examined.GetInteger() == last!.Length;
        var (to, at) = ((LoopSegment?)consumed.GetObject() ?? first, consumed.GetInteger());
        if (ReferenceEquals(to, last) && at == last!.Length)
        {
            isExamined = true;
            Drop();
            return;
        }

        while (!ReferenceEquals(first, to))
        {
            var next = (LoopSegment)first!.Next!;
            Free(first);
            first = next;
        }

        start = at;
    }

    /// <inheritdoc/>
    public override void CancelPendingRead()
    {
        Interlocked.Exchange(ref isCancelled, 1);
        reading.TryInterrupt();
    }

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null)
    {
        lock (gate)
        {
            isComplete = true;
            Drop();
            spare = null;
        }
    }

    private ReadResult Result(bool isCancelled) =>
        new(first is null ? default : new ReadOnlySequence<byte>(first, start, last!, last!.Length), isCancelled, isAtEnd);

    /// <summary>Receives what is there, if anything is.</summary>
    private void Fill()
    {
        if (socket.IsDrained)
            return;
        if (last is null || last.Room.Length < LeastRoom)
            Grow();
        try
        {
            var count = socket.TryReceive(last.Room.Span);
            if (count > 0)
            {
                last.Add(count);
                isExamined = false;
                return;
            }

            isAtEnd = count == 0;
        }
        catch (SocketException e)
        {
            (isAtEnd, failure) = (true, new ConnectionResetException(e.Message, e));
        }
        catch (ObjectDisposedException e)
        {
            (isAtEnd, failure) = (true, new ConnectionAbortedException("The connection was closed here.", e));
        }

        // Nothing is kept for who may send nothing for long.
        if (ReferenceEquals(first, last) && last.Length == start)
            Drop();
    }

    [MemberNotNull(nameof(last))]
    private void Grow()
    {
        var next = spare ?? new LoopSegment();
        spare = null;
        next.Rent(memory);
        if (last is null)
        {
            (first, start) = (next, 0);
        }
        else
        {
            last.Link(next);
        }

        last = next;
    }

    private void Drop()
    {
        while (first is not null)
        {
            var next = (LoopSegment?)first.Next;
            Free(first);
            first = next;
        }

        (last, start) = (null, 0);
    }

    private void Free(LoopSegment segment)
    {
        segment.Return();
        spare = segment;
    }

    private sealed class Reading(LoopReader reader) : LoopOperation<ReadResult>(Received)
    {
        protected override Readiness Readiness => reader.socket.Readable;

        public void TryInterrupt() => TryEnd(() =>
        {
            Interlocked.Exchange(ref reader.isCancelled, 0);
            return reader.Result(isCancelled: true);
        });

        protected override bool TryDo(out ReadResult result) => reader.TryRead(out result);
    }
}
