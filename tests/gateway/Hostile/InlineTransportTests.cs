using System.Net;
using JitGrains.Gateway.EventLoop;
using JitGrains.Gateway.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Xunit;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>
/// Callers' connections go on inline. That must be nobody else's business: a call that blocks its thread, or works long on it,
/// keeps no other connection waiting, of its listener or of another one.
/// </summary>
public class InlineTransportTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_call_that_blocks_keeps_no_other_waiting()
    {
        using var go = new ManualResetEvent(false);
        await using var app = Build(go);
        await app.StartAsync();
        var (inline, plain) = (new Uri(app.Urls.First()), new Uri(app.Urls.Last()));
        Assert.NotEqual(inline, plain);
        // All connections are there before one blocks: the same poll finds what comes on each.
        var others = Enumerable.Range(0, 8).Select(i => Client(i % 2 == 0 ? inline : plain)).ToArray();
        using var blocked = Client(inline);
        using var blockedToo = Client(inline);
        foreach (var client in (HttpClient[])[.. others, blocked, blockedToo])
            Assert.Equal("here", await client.GetStringAsync("/"));

        var block = blocked.GetStringAsync("/block");
        var blockToo = blockedToo.GetStringAsync("/block");
        await Entered(2);
        for (var round = 0; round < 50; round++)
            Assert.All(await Task.WhenAll(others.Select(o => o.GetStringAsync("/"))).WaitAsync(Patience), answer => Assert.Equal("here", answer));
        Assert.False(block.IsCompleted || blockToo.IsCompleted);

        go.Set();
        Assert.Equal("blocked", await block.WaitAsync(Patience));
        Assert.Equal("blocked", await blockToo.WaitAsync(Patience));
        foreach (var client in others)
            client.Dispose();
    }

    [Fact]
    public async Task Only_callers_listeners_are_taken()
    {
        using var go = new ManualResetEvent(true);
        await using var app = Build(go);
        var transport = app.Services.GetServices<IConnectionListenerFactory>().OfType<CallerTransport>().Single();
        Assert.True(transport.CanBind(new CallerEndPoint(IPAddress.Loopback, 0)));
        Assert.False(transport.CanBind(new IPEndPoint(IPAddress.Loopback, 0)));
        // Whether a call goes on inline shows in where it runs: on the thread that its connection's event was found by.
        await app.StartAsync();
        Assert.Contains("inline", await Stacks(new Uri(app.Urls.First())));
        Assert.DoesNotContain("inline", await Stacks(new Uri(app.Urls.Last())));
    }

    /// <summary>Several: a connection's first call runs where it was accepted.</summary>
    private static async Task<List<string>> Stacks(Uri address)
    {
        using var client = Client(address);
        var stacks = new List<string>();
        for (var i = 0; i < 10; i++)
            stacks.Add(await client.GetStringAsync("/stack"));
        return stacks;
    }

    private int entered;
    private readonly SemaphoreSlim arrivals = new(0);

    private async Task Entered(int calls)
    {
        for (var i = 0; i < calls; i++)
            Assert.True(await arrivals.WaitAsync(Patience));
        Assert.Equal(calls, entered);
    }

    private WebApplication Build(ManualResetEvent go)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSocketLoop();
        builder.Services.AddSingleton<IConnectionListenerFactory, CallerTransport>();
        builder.WebHost.ConfigureKestrel(k =>
        {
            k.Listen(new CallerEndPoint(IPAddress.Loopback, 0));
            k.Listen(IPAddress.Loopback, 0);
        });
        var app = builder.Build();
        app.Run(context =>
        {
            switch (context.Request.Path.Value)
            {
                case "/block":
                    Interlocked.Increment(ref entered);
                    arrivals.Release();
                    go.WaitOne();
                    return context.Response.WriteAsync("blocked");
                case "/stack":
                    return context.Response.WriteAsync(Environment.StackTrace.Contains("SocketLoop", StringComparison.Ordinal) ? "inline" : "queued");
                default:
                    return context.Response.WriteAsync("here");
            }
        });
        return app;
    }

    /// <summary>One connection.</summary>
    private static HttpClient Client(Uri address) => new(new SocketsHttpHandler { MaxConnectionsPerServer = 1 }) { BaseAddress = address };
}
