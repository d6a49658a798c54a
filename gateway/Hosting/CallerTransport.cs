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
internal sealed class CallerTransport(IOptionsFactory<SocketTransportOptions> options, ILoggerFactory loggers) : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    private readonly SocketTransportFactory sockets = new(Options.Create(Inline(options)), loggers);

    /// <inheritdoc/>
    public bool CanBind(EndPoint endpoint) => endpoint is CallerEndPoint;

    /// <inheritdoc/>
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => sockets.BindAsync(endpoint, cancellationToken);

    // Made as Kestrel's own are, for what is not public of them: the memory that it reads into. A copy of all that is public reads into arrays
    // of the shared pool, which keeps few: in a burst of calls each read was another 4 KB for the collector.
    private static SocketTransportOptions Inline(IOptionsFactory<SocketTransportOptions> options)
    {
        var inline = options.Create(Options.DefaultName);
        inline.UnsafePreferInlineScheduling = true;
        return inline;
    }
}
