using System.Net;
using JitGrains.Gateway.EventLoop;
using JitGrains.Gateway.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.GatewayTests.EventLoop;

/// <summary>A server of the tests' own whose connections the loop serves.</summary>
internal sealed class LoopServer : IAsyncDisposable
{
    private readonly WebApplication app;

    private LoopServer(WebApplication app) => this.app = app;

    public Uri Address => new(app.Urls.First());

    public SocketLoop Loop => app.Services.GetRequiredService<SocketLoop>();

    public static async Task<LoopServer> Start(RequestDelegate answer, Action<KestrelServerLimits>? limits = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSocketLoop();
        builder.Services.AddSingleton<IConnectionListenerFactory, CallerTransport>();
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.Limits.MaxRequestBodySize = null;
            k.Limits.MinRequestBodyDataRate = k.Limits.MinResponseDataRate = null;
            limits?.Invoke(k.Limits);
            k.Listen(new CallerEndPoint(IPAddress.Loopback, 0));
        });
        var server = new LoopServer(builder.Build());
        server.app.Run(answer);
        await server.app.StartAsync();
        return server;
    }

    public Task Stop() => app.StopAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
