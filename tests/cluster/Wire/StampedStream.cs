using System.Net.Sockets;

namespace JitGrains.ClusterTests.Wire;

/// <summary>
/// A TCP connection that knows when what it reads arrived, by the kernel's own stamp (SO_TIMESTAMPNS): however late this
/// process gets to read it, on a machine where many others want the same two cores. One reader and one writer at a time.
/// The kernel merges segments that wait to be read, and the stamp is then that of the last of them, also where that is nothing
/// but the connection's end: whoever reads late sees when the last came, not the first. <see cref="ReadFrom"/> knows.
/// </summary>
internal sealed class StampedStream : Stream
{
    /// <summary>More than two ticks of any kernel's clock (100 to 1000 a second).</summary>
    private static readonly TimeSpan Ticks = TimeSpan.FromMilliseconds(25);

    private readonly Socket socket;
    private uint segments;

    public StampedStream(Socket socket)
    {
        this.socket = socket;
        KernelStamps.Ask(socket);
    }

    /// <summary>When what was read last had arrived, at the latest.</summary>
    public DateTimeOffset ReadAt { get; private set; }

    /// <summary>
    /// The earliest that what was read last can have arrived: <see cref="ReadAt"/> where it was one segment and nothing had come
    /// after it. Null where it was several.
    /// </summary>
    public DateTimeOffset? ReadFrom { get; private set; }

    /// <summary>Whether that is the kernel's stamp; otherwise it is when it was read.</summary>
    public bool IsStamped { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            while (true)
            {
                await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, cancellationToken);
                if (buffer.IsEmpty)
                    return 0;
                if (KernelStamps.Receive(socket, buffer.Span, out var stamp) is { } count)
                {
                    IsStamped = stamp is not null;
                    ReadAt = stamp ?? Clock.Now;
                    ReadFrom = Earliest();
                    return count;
                }
            }
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    // Asked after the stamp was read: what comes in between makes it less certain, never wrong.
    private DateTimeOffset? Earliest()
    {
        var (now, incoming) = (Clock.Now, KernelStamps.IncomingOf(socket));
        var fresh = incoming.Segments - segments;
        segments = incoming.Segments;
        if (fresh > 1)
            return null;
        if (!incoming.IsOver)
            return ReadAt;
        var from = now - incoming.Age - Ticks;
        return from < ReadAt ? from : ReadAt;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            while (!buffer.IsEmpty)
                buffer = buffer[await socket.SendAsync(buffer, SocketFlags.None, cancellationToken)..];
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            socket.Dispose();
        base.Dispose(disposing);
    }
}
