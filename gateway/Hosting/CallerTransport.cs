using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;

namespace JitGrains.Gateway.Hosting;

/// <summary>Where callers' connections come in that are taken by <see cref="CallerTransport"/>. By its type, for several may have port 0.</summary>
internal sealed class CallerEndPoint(IPAddress address, int port) : IPEndPoint(address, port);

/// <summary>
/// The sockets of callers' HTTP/1.1 listeners: what comes in goes on, on the pool's thread that found it there, without waiting
/// for another one. Forwarding blocks nowhere, so a thread that goes on comes back soon; and should something block all the same,
/// what others sent is found by the next thread of the pool, for sockets hand out the rest before they go on (a test pins
/// it). Listeners of anybody else keep Kestrel's own transport. Thread-safe.
/// </summary>
internal sealed class CallerTransport(IOptions<SocketTransportOptions> options, ILoggerFactory loggers) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory sockets = new(Options.Create(Inline(options.Value)), loggers);

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is CallerEndPoint;

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => sockets.BindAsync(endpoint, cancellationToken);

    private static SocketTransportOptions Inline(SocketTransportOptions others) => new()
    {
        IOQueueCount = others.IOQueueCount,
        Backlog = others.Backlog,
        NoDelay = others.NoDelay,
        MaxReadBufferSize = others.MaxReadBufferSize,
        MaxWriteBufferSize = others.MaxWriteBufferSize,
        CreateBoundListenSocket = others.CreateBoundListenSocket,
        UnsafePreferInlineScheduling = true,
    };
}
