using System.Collections.Immutable;
using JitGrains.Gateway.Forwarding;
using JitGrains.Http;
using JitGrains.Policy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.GatewayTests.Forwarding;

/// <summary>The forwarder alone behind a Kestrel: no policy, no grants.</summary>
internal sealed class ForwarderHost : IAsyncDisposable
{
    private readonly WebApplication web;

    private ForwarderHost(WebApplication web) => this.web = web;

    public HttpClient Client { get; private init; } = null!;

    public List<ForwardResult> Results { get; } = [];

    /// <summary>So many results: a caller whose answer broke off may know before its result is here.</summary>
    public async Task<IReadOnlyList<ForwardResult>> ResultsOf(int calls)
    {
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        for (var looks = 0; looks < 24_000; looks++)
        {
            lock (Results)
            {
                if (Results.Count >= calls)
                    return [.. Results];
            }

            await look.WaitForNextTickAsync();
        }

        throw new TimeoutException($"There are not {calls} results.");
    }

    public static async Task<ForwarderHost> Start(ApiDefinition api, Func<ExecutionGate> gate, IForwarderHttpClientFactory? clients = null, Func<Stream, Stream>? answers = null, CancellationToken stop = default)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(System.Net.IPAddress.Loopback, 0));
        builder.Services.AddForwarding();
        if (clients is not null)
            builder.Services.AddSingleton(clients);
        var app = builder.Build();
        app.Services.GetRequiredService<UpstreamClusters>().Apply([api]);
        app.MapReverseProxy();
        var forwarder = app.Services.GetRequiredService<UpstreamForwarder>();
        ForwarderHost host = null!;
        app.MapFallback(async context =>
        {
            var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget.Split('?', 2);
            var call = new ForwardedCall
            {
                Api = api,
                Gate = gate(),
                Request = new CanonicalRequest
                {
                    Method = context.Request.Method,
                    Scheme = "http",
                    Authority = context.Request.Host.Value!,
                    Host = context.Request.Host.Host,
                    RawPath = target[0],
                    RawQuery = target.Length > 1 ? "?" + target[1] : "",
                    Segments = [],
                    Decoded = [],
                    LooseSegments = [],
                    Query = [],
                    Headers = [],
                },
            };
            if (answers is not null)
                context.Response.Body = answers(context.Response.Body);
            var result = await forwarder.Forward(context, call, stop);
            lock (host.Results)
                host.Results.Add(result);
        });
        await app.StartAsync(CancellationToken.None);
        host = new ForwarderHost(app) { Client = new HttpClient { BaseAddress = new Uri(app.Urls.First()) } };
        return host;
    }

    public static ApiDefinition Api(Uri upstream, Func<ApiDefinition, ApiDefinition>? change = null)
    {
        var api = new ApiDefinition { Name = "orders", Upstreams = [upstream] };
        return change is null ? api : change(api);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await web.StopAsync();
        await web.DisposeAsync();
    }
}
