using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace JitGrains.GatewayTests.Processes;

/// <summary>
/// An upstream in the tests' own process, so that what it saw outlives every gateway: each call with its method, path, body
/// and time. Thread-safe.
/// </summary>
internal sealed class MarkedUpstream : IAsyncDisposable
{
    private readonly WebApplication web;
    private readonly ConcurrentDictionary<string, ConcurrentQueue<MarkedCall>> calls = new(StringComparer.Ordinal);
    private int total;

    private readonly int[] connections;

    private MarkedUpstream(WebApplication web, int[] connections) => (this.web, this.connections) = (web, connections);

    /// <summary>Told of each call when its headers are here, and again before it is answered.</summary>
    public Func<MarkedCall, Task> Arrived { get; set; } = _ => Task.CompletedTask;

    public Uri Address => new(web.Urls.First());

    /// <summary>Every call so far.</summary>
    public int Total => Volatile.Read(ref total);

    public IEnumerable<MarkedCall> All => calls.Values.SelectMany(c => c);

    /// <summary>The calls to a path, with its method before it: <c>POST /orders/42/refunds</c>.</summary>
    public IReadOnlyCollection<MarkedCall> Calls(string target) => calls.TryGetValue(target, out var seen) ? seen : [];

    public static async Task<MarkedUpstream> Start()
    {
        var open = new int[1];
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Use(next => async connection =>
        {
            Interlocked.Increment(ref open[0]);
            await next(connection);
            Interlocked.Decrement(ref open[0]);
        })));
        var app = builder.Build();
        var upstream = new MarkedUpstream(app, open);
        app.Run(upstream.Answer);
        await app.StartAsync();
        return upstream;
    }

    /// <summary>Every call so far, once all connections are closed: a gateway that is dead has none, and nothing of it is still to be read.</summary>
    public async Task<int> TotalAtRest()
    {
        await Eventually.Holds(() => Volatile.Read(ref connections[0]) == 0);
        return Total;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await web.StopAsync(now.Token);
        await web.DisposeAsync();
    }

    private async Task Answer(HttpContext context)
    {
        var headers = context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var call = new MarkedCall($"{context.Request.Method} {context.Request.Path}", Stopwatch.GetTimestamp(), headers);
        Interlocked.Increment(ref total);
        calls.GetOrAdd(call.Target, _ => []).Enqueue(call);
        await Arrived(call);
        call.Body = await new StreamReader(context.Request.Body).ReadToEndAsync();
        await context.Response.WriteAsJsonAsync(new { ran = call.Target, call.Body });
        call.Answered = true;
    }
}

/// <summary>A call as the upstream saw it.</summary>
/// <param name="Target">Method and path.</param>
/// <param name="At">When, as a timestamp of this process.</param>
/// <param name="Headers">Its headers.</param>
internal sealed record MarkedCall(string Target, long At, IReadOnlyDictionary<string, string> Headers)
{
    public string? Body { get; set; }

    /// <summary>Whether the whole answer was given.</summary>
    public bool Answered { get; set; }
}
