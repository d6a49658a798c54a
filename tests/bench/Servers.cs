using System.Net;
using Yarp.ReverseProxy.Configuration;

namespace JitGrains.Bench;

/// <summary>What the gateway is measured against, each in a process of its own on loopback.</summary>
internal static class Servers
{
    /// <summary>An upstream that answers a few bytes at once.</summary>
    public static async Task<int> UpstreamAsync(int port)
    {
        var app = Build(port).Build();
        app.Run(static context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = 15;
            return context.Response.WriteAsync("{\"status\":\"ok\"}");
        });
        await app.RunAsync();
        return 0;
    }

    /// <summary>YARP as its documentation sets it up: one route, one cluster, default settings.</summary>
    public static async Task<int> YarpAsync(int port, string upstream)
    {
        var builder = Build(port);
        builder.Services.AddReverseProxy().LoadFromMemory(
            [new RouteConfig { RouteId = "all", ClusterId = "upstream", Match = new RouteMatch { Path = "{**rest}" } }],
            [new ClusterConfig { ClusterId = "upstream", Destinations = new Dictionary<string, DestinationConfig>(StringComparer.Ordinal) { ["one"] = new() { Address = upstream } } }]);
        var app = builder.Build();
        app.MapReverseProxy();
        await app.RunAsync();
        return 0;
    }

    /// <summary>Kestrel that reads a request's body, keeps it and does not answer: what holding a call costs at least.</summary>
    public static async Task<int> HolderAsync(int port)
    {
        var app = Build(port).Build();
        app.Run(static async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            var until = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var gone = context.RequestAborted.Register(() => until.TrySetResult());
            await until.Task;
            GC.KeepAlive(body);
        });
        await app.RunAsync();
        return 0;
    }

    private static WebApplicationBuilder Build(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port));
        return builder;
    }
}
