using System.Globalization;
using System.Net;
using System.Security.Cryptography.X509Certificates;
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
        var (plain, counted) = (NewHandler(), NewHandler());
        (plain.ConnectTimeout, counted.ConnectTimeout) = (connectTimeout, connectTimeout);
        counted.PooledConnectionIdleTimeout = CountedIdleTimeout;
        SocketsHttpHandler? bare = null;
        if (certificate is not null && certificates?.Of(certificate) is { } shown)
        {
            bare = NewHandler();
            bare.ConnectTimeout = connectTimeout;
            Show(shown, plain, counted);
        }

        return new HttpMessageInvoker(new UpstreamHandler(plain, counted, bare), disposeHandler: true);
    }

    /// <summary>The certificate as it is when a connection is made.</summary>
    private static void Show(Kept<X509Certificate2> certificate, params SocketsHttpHandler[] handlers)
    {
        // Health checks come before any call: by then it is there.
        certificate.Peek();
        foreach (var handler in handlers)
        {
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => certificate.Peek()!;
            // A resumed session is one of the certificate that it was begun with.
            handler.SslOptions.AllowTlsResume = false;
        }
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

    /// <summary>Sends counted executions over connections of their own.</summary>
    private sealed class UpstreamHandler(HttpMessageHandler plain, HttpMessageHandler counted, HttpMessageHandler? bare) : HttpMessageHandler
    {
        private readonly HttpMessageInvoker? bare = bare is null ? null : new(bare, disposeHandler: true);
        private readonly HttpMessageInvoker plain = new(plain, disposeHandler: true);
        private readonly HttpMessageInvoker counted = new(counted, disposeHandler: true);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            if (request.Content is { } content)
                request.Content = new FlushedContent(content);
            if (bare is not null && request.Options.TryGetValue(WithoutCertificate, out var without) && without)
                return bare.SendAsync(request, cancellationToken);
            return (request.Options.TryGetValue(ExecutionGate.Key, out var gate) && gate.Once ? counted : plain).SendAsync(request, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                plain.Dispose();
                counted.Dispose();
                bare?.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
