using System.Globalization;
using System.Net;
using System.Text;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Makes the client of each cluster: nothing is followed, decompressed, remembered or taken from the environment.</summary>
internal class UpstreamClients : IForwarderHttpClientFactory
{
    /// <summary>Below the keep-alive of any server in use, so that a counted execution does not meet a connection that is just being closed.</summary>
    private static readonly TimeSpan CountedIdleTimeout = TimeSpan.FromSeconds(2);

    public HttpMessageInvoker CreateClient(ForwarderHttpClientContext context)
    {
        var connectTimeout = ConnectTimeoutIn(context.NewMetadata);
        if (context.OldClient is not null && context.NewConfig == context.OldConfig && connectTimeout == ConnectTimeoutIn(context.OldMetadata))
            return context.OldClient;
        var (plain, counted) = (NewHandler(), NewHandler());
        (plain.ConnectTimeout, counted.ConnectTimeout) = (connectTimeout, connectTimeout);
        counted.PooledConnectionIdleTimeout = CountedIdleTimeout;
        return new HttpMessageInvoker(new UpstreamHandler(plain, counted), disposeHandler: true);
    }

    private static TimeSpan ConnectTimeoutIn(IReadOnlyDictionary<string, string>? metadata) =>
        metadata is not null && metadata.TryGetValue(UpstreamClusters.ConnectTimeout, out var text) && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            ? TimeSpan.FromMilliseconds(milliseconds)
            : TimeSpan.FromSeconds(15);

    /// <summary>Each client has two, one of them for counted executions.</summary>
    protected virtual SocketsHttpHandler NewHandler() => new()
    {
        UseProxy = false,
        UseCookies = false,
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        EnableMultipleHttp2Connections = true,
        ResponseDrainTimeout = TimeSpan.Zero,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        // Over HTTP/2 another flow writes for all requests; there the answer shows that a request was sent.
        PlaintextStreamFilter = static (connection, _) => new ValueTask<Stream>(
            connection.NegotiatedHttpVersion.Major == 1 ? new SentStream(connection.PlaintextStream) : connection.PlaintextStream),
        ActivityHeadersPropagator = new ReverseProxyPropagator(System.Diagnostics.DistributedContextPropagator.Current),
        // Header bytes pass through unread, in both directions.
        ResponseHeaderEncodingSelector = static (_, _) => Encoding.Latin1,
        RequestHeaderEncodingSelector = static (name, request) =>
        {
            if (request.Options.TryGetValue(ExecutionGate.Key, out var gate))
                gate.OnHeader(name);
            return Encoding.Latin1;
        },
    };

    /// <summary>Sends counted executions over connections of their own.</summary>
    private sealed class UpstreamHandler(HttpMessageHandler plain, HttpMessageHandler counted) : HttpMessageHandler
    {
        private readonly HttpMessageInvoker plain = new(plain, disposeHandler: true);
        private readonly HttpMessageInvoker counted = new(counted, disposeHandler: true);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Content is { } content)
                request.Content = new FlushedContent(content);
            return (request.Options.TryGetValue(ExecutionGate.Key, out var gate) && gate.Once ? counted : plain).SendAsync(request, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                plain.Dispose();
                counted.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
