namespace JitGrains.Gateway.Forwarding;

/// <summary>Counts body bytes that pass, for the outcome. Only the asynchronous calls that the forwarder makes are offered.</summary>
internal sealed class CountingStream(Stream inner, bool flush = false) : Stream
{
    private long read;
    private long written;
    private long passed;

    public static CountingStream Over(Stream inner) => new(inner);

    /// <summary>One that flushes after each write.</summary>
    public static CountingStream Flushing(Stream inner) => new(inner, flush: true);

    public long BytesRead => Volatile.Read(ref read);

    public long BytesWritten => Volatile.Read(ref written);

    /// <summary>Of those written, what has been taken whole: nothing can go wrong with it here any more.</summary>
    public long BytesPassed => Volatile.Read(ref passed);

    public override bool CanRead => inner.CanRead;

    public override bool CanWrite => inner.CanWrite;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await inner.ReadAsync(buffer, cancellationToken);
        read += count;
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        written += buffer.Length;
        var write = flush ? WriteAndFlush(buffer, cancellationToken) : inner.WriteAsync(buffer, cancellationToken);
        if (!write.IsCompletedSuccessfully)
            return Pass(write, buffer.Length);
        passed += buffer.Length;
        return ValueTask.CompletedTask;
    }

    private async ValueTask Pass(ValueTask write, int count)
    {
        await write;
        passed += count;
    }

    private async ValueTask WriteAndFlush(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        await inner.WriteAsync(buffer, cancellationToken);
        await inner.FlushAsync(cancellationToken);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override void Flush() => throw new NotSupportedException("The forwarder flushes asynchronously.");

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            inner.Dispose();
        base.Dispose(disposing);
    }

    public override async ValueTask DisposeAsync()
    {
        await inner.DisposeAsync();
        await base.DisposeAsync();
    }
}
