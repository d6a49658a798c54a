using System.Net.Sockets;

namespace JitGrains.ClusterTests.Wire;

/// <summary>
/// A TCP connection that knows when what it reads arrived, by the kernel's own stamp (SO_TIMESTAMPNS): however late this
/// process gets to read it, on a machine where many others want the same two cores. One reader and one writer at a time.
/// </summary>
internal sealed class StampedStream : Stream
{
    private readonly Socket socket;

    public StampedStream(Socket socket)
    {
        this.socket = socket;
        KernelStamps.Ask(socket);
    }

    /// <summary>When what was read last had arrived.</summary>
    public DateTimeOffset ReadAt { get; private set; }

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
                    return count;
                }
            }
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
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
