using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace JitGrains.GatewayTests.Processes;

/// <summary>An OTLP collector (gRPC) that keeps the bytes of what it is sent. Thread-safe.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly WebApplication web;
    private readonly ConcurrentQueue<byte[]> received = new();

    private Collector(WebApplication web) => this.web = web;

    public Uri Address => new(web.Urls.First());

    public IReadOnlyCollection<byte[]> Received => received;

    public static async Task<Collector> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http2));
        var app = builder.Build();
        var collector = new Collector(app);
        app.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            collector.received.Enqueue(body.ToArray());
            http.Response.ContentType = "application/grpc";
            await http.Response.Body.WriteAsync(new byte[5]);
            http.Response.AppendTrailer("grpc-status", "0");
        });
        await app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => web.DisposeAsync();
}
