using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace JitGrains.GatewayTests.Support;

/// <summary>An upstream that remembers each call it saw, and answers as a test says.</summary>
internal sealed class OrdersUpstream : IAsyncDisposable
{
    private readonly WebApplication web;
    private readonly ConcurrentQueue<SeenCall> seen = new();

    private OrdersUpstream(WebApplication web) => this.web = web;

    public Uri Address => new(web.Urls.First());

    public IReadOnlyCollection<SeenCall> Seen => seen;

    public static async Task<OrdersUpstream> Start(RequestDelegate? answer = null, X509Certificate2? certificate = null, HttpProtocols? protocols = null)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.Limits.MaxRequestBodySize = null;
            k.Listen(IPAddress.Loopback, 0, l =>
            {
                l.Protocols = protocols ?? (certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2);
                if (certificate is not null)
                    l.UseHttps(certificate);
            });
        });
        var app = builder.Build();
        var upstream = new OrdersUpstream(app);
        app.UseWebSockets();
        app.Run(async context =>
        {
            var headers = context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
            upstream.seen.Enqueue(new SeenCall(context.Request.Method, context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget, headers, context.Request.Protocol));
            if (answer is not null)
            {
                await answer(context);
                return;
            }

            var body = await new StreamReader(context.Request.Body).ReadToEndAsync();
            await context.Response.WriteAsJsonAsync(new { seen = upstream.seen.Count, body });
        });
        await app.StartAsync();
        return upstream;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await web.StopAsync(now.Token);
        await web.DisposeAsync();
    }
}

/// <summary>A call as an upstream saw it.</summary>
internal sealed record SeenCall(string Method, string Target, IReadOnlyDictionary<string, string> Headers, string Protocol);
