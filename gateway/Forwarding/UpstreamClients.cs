using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Text;
using JitGrains.Gateway.Injection;
using JitGrains.Policy;
using JitGrains.Silo.Upstreams;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Makes the client of each cluster: nothing is followed, decompressed, remembered or taken from the environment.</summary>
internal class UpstreamClients(ClientCertificates? certificates = null, UpstreamRules? rules = null) : IForwarderHttpClientFactory
{
    /// <summary>A request that must not go over a connection that shows the gateway's certificate.</summary>
    public static readonly HttpRequestOptionsKey<bool> WithoutCertificate = new("jitgrains.without_certificate");

    /// <summary>Below the keep-alive of any server in use, so that a counted execution does not meet a connection that is just being closed.</summary>
    private static readonly TimeSpan CountedIdleTimeout = TimeSpan.FromSeconds(2);

    public HttpMessageInvoker CreateClient(ForwarderHttpClientContext context)
    {
        var connectTimeout = ConnectTimeoutIn(context.NewMetadata);
        var certificate = CertificateIn(context.NewMetadata);
        if (context.OldClient is not null && context.NewConfig == context.OldConfig && connectTimeout == ConnectTimeoutIn(context.OldMetadata) && certificate == CertificateIn(context.OldMetadata))
            return context.OldClient;
        var bare = Connections(connectTimeout, shown: null);
        var shown = certificate is null ? null : certificates?.Of(certificate);
        // Health checks come before any call: by then it is there.
        shown?.Peek();
        return new HttpMessageInvoker(new UpstreamHandler(bare, shown is null ? null : new ShownConnections(shown, c => Connections(connectTimeout, c))), disposeHandler: true);
    }

    private Pair Connections(TimeSpan connectTimeout, SslStreamCertificateContext? shown)
    {
        var (plain, counted) = (NewHandler(), NewHandler());
        counted.PooledConnectionIdleTimeout = CountedIdleTimeout;
        foreach (var handler in new[] { plain, counted })
        {
            handler.ConnectTimeout = connectTimeout;
            if (shown is null)
                continue;
            handler.SslOptions.ClientCertificateContext = shown;
            // A resumed session is one of the certificate that it was begun with.
            handler.SslOptions.AllowTlsResume = false;
        }

        return new Pair(new HttpMessageInvoker(plain, disposeHandler: true), new HttpMessageInvoker(counted, disposeHandler: true));
    }

    private static CertificateCredential? CertificateIn(IReadOnlyDictionary<string, string>? metadata) =>
        metadata is not null && metadata.TryGetValue(UpstreamClusters.ClientCertificate, out var text) && text.Split('\n') is [var certificate, var key]
        && SecretReference.TryParse(certificate, out var first, out _) && SecretReference.TryParse(key, out var second, out _)
            ? new CertificateCredential(first, second)
            : null;

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
        ConnectCallback = UpstreamConnections.Within(rules ?? UpstreamRules.None),
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

    /// <summary>Connections for most requests, and others for counted executions.</summary>
    private sealed record Pair(HttpMessageInvoker Plain, HttpMessageInvoker Counted) : IDisposable
    {
        public void Dispose()
        {
            Plain.Dispose();
            Counted.Dispose();
        }
    }

    /// <summary>
    /// Connections that show the gateway's certificate. Another certificate has others, since what is shown is fixed with them; what is
    /// on its way over the former ones goes on, and these close when they were idle for long enough. Thread-safe.
    /// </summary>
    private sealed class ShownConnections(Kept<SslStreamCertificateContext> certificate, Func<SslStreamCertificateContext?, Pair> make) : IDisposable
    {
        private Made? current;

        private sealed record Made(SslStreamCertificateContext? Of, Pair Connections);

        public Pair Now()
        {
            var (shown, made) = (certificate.Peek(), Volatile.Read(ref current));
            // Calls do not come without one; health checks may, while it is read anew.
            if (made is null || (shown is not null && !ReferenceEquals(made.Of, shown)))
                Volatile.Write(ref current, made = new Made(shown, make(shown)));
            return made.Connections;
        }

        public void Dispose() => Volatile.Read(ref current)?.Connections.Dispose();
    }

    /// <summary>Sends counted executions over connections of their own.</summary>
    private sealed class UpstreamHandler(Pair bare, ShownConnections? showing) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Content is { } content)
                request.Content = new FlushedContent(content);
            var connections = showing is null || (request.Options.TryGetValue(WithoutCertificate, out var without) && without) ? bare : showing.Now();
            return (request.Options.TryGetValue(ExecutionGate.Key, out var gate) && gate.Once ? connections.Counted : connections.Plain).SendAsync(request, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                bare.Dispose();
                showing?.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
