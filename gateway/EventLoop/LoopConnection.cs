using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace JitGrains.Gateway.EventLoop;

/// <summary>A caller's connection, for Kestrel: read and written without a copy or a task between. As thread-safe as those are.</summary>
internal sealed class LoopConnection : DefaultConnectionContext, IDuplexPipe
{
    private readonly LoopSocket socket;
    private readonly LoopReader reader;
    private readonly LoopWriter writer;
    private readonly CancellationTokenSource closed = new();
    private int isOver;

    private LoopConnection(SocketLoop loop, Socket accepted, LoopMemory memory)
        : base(CorrelationId())
    {
        (reader, writer) = (new LoopReader(memory.MemoryPool), new LoopWriter(memory.MemoryPool));
        socket = new LoopSocket(loop, accepted, reader.Wake, writer.Wake, Over);
        reader.Attach(socket);
        writer.Attach(socket);
        (Transport, ConnectionClosed) = (this, closed.Token);
        (LocalEndPoint, RemoteEndPoint) = (accepted.LocalEndPoint, accepted.RemoteEndPoint);
        Features.Set<IMemoryPoolFeature>(memory);
    }

    /// <inheritdoc/>
    public PipeReader Input => reader;

    /// <inheritdoc/>
    public PipeWriter Output => writer;

    /// <summary>A connection that is served from now on.</summary>
    /// <param name="loop">The loop.</param>
    /// <param name="accepted">The connection.</param>
    /// <param name="memory">What it is read and written by.</param>
    /// <exception cref="SocketException">It is gone.</exception>
    /// <exception cref="ObjectDisposedException">The loop has stopped.</exception>
    public static LoopConnection Begin(SocketLoop loop, Socket accepted, LoopMemory memory)
    {
        var connection = new LoopConnection(loop, accepted, memory);
        connection.socket.Watch();
        return connection;
    }

    /// <inheritdoc/>
    public override void Abort(ConnectionAbortedException abortReason) => socket.Close(abortively: true);

    /// <inheritdoc/>
    public override ValueTask DisposeAsync()
    {
        writer.Complete();
        socket.Close(abortively: false);
        reader.Complete();
        return base.DisposeAsync();
    }

    /// <summary>Once, and not on a thread of the loop: it is anybody's code.</summary>
    private void Over()
    {
        if (Interlocked.Exchange(ref isOver, 1) == 0)
            ThreadPool.UnsafeQueueUserWorkItem(static closed => closed.Cancel(), closed, preferLocal: false);
    }

    private static long lastId = DateTimeOffset.UnixEpoch.Ticks;

    private static string CorrelationId() => $"L{Interlocked.Increment(ref lastId):X}";
}
