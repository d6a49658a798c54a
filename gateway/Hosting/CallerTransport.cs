using System.Buffers;
using System.Net;
using System.Net.Sockets;
using JitGrains.Gateway.EventLoop;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace JitGrains.Gateway.Hosting;

/// <summary>Where callers' connections come in that are taken by <see cref="CallerTransport"/>. By its type, for several may have port 0.</summary>
internal sealed class CallerEndPoint(IPAddress address, int port) : IPEndPoint(address, port);

/// <summary>
/// The sockets of callers' HTTP/1.1 listeners: what comes in goes on, on the thread that found it there, without waiting for another one. They
/// are served by the loop (<see cref="SocketLoop"/>), or by .NET's own where there can be none. Forwarding blocks nowhere, so a thread that goes on comes
/// back soon; and should something block all the same, what others sent is found by the next thread (a test pins it). Listeners of
/// anybody else keep Kestrel's own transport. Thread-safe.
/// </summary>
internal sealed class CallerTransport(IOptionsFactory<SocketTransportOptions> options, ILoggerFactory loggers, IMemoryPoolFactory<byte> memory, SocketLoop? loop = null)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportOptions inline = Inline(options);
    private readonly SocketTransportFactory sockets = new(Options.Create(Inline(options)), loggers);

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is CallerEndPoint;

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        loop is null ? sockets.BindAsync(endpoint, cancellationToken) : new ValueTask<IConnectionListener>(Listen(endpoint, loop));

    private LoopListener Listen(EndPoint endpoint, SocketLoop loop)
    {
        Socket listening;
        try
        {
            listening = inline.CreateBoundListenSocket(endpoint);
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new AddressInUseException(e.Message, e);
        }

        listening.Listen(inline.Backlog);
        var pools = Enumerable.Range(0, Math.Min(Environment.ProcessorCount, 16)).Select(_ => new LoopMemory(memory.Create())).ToArray();
        return new LoopListener(loop, listening, pools, inline.NoDelay);
    }

    // Made as Kestrel's own are, for what is not public of them: the memory that it reads into. A copy of all that is public reads into arrays
    // of the shared pool, which keeps few: in a burst of calls each read was another 4 KB for the collector.
    private static SocketTransportOptions Inline(IOptionsFactory<SocketTransportOptions> options)
    {
        var own = options.Create(Options.DefaultName);
        own.UnsafePreferInlineScheduling = true;
        return own;
    }
}
