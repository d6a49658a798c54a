using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using JitGrains.Gateway.EventLoop;
using JitGrains.Gateway.Telemetry;
using JitGrains.Silo.Upstreams;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>
/// Sends plain calls over connections of its own: what most calls are, in HTTP/1.1 without TLS on both sides, without a body,
/// retries, or anything that the gateway adds. Everything else is YARP's forwarder's and .NET's HTTP client's, which
/// do much for each call that such a call does not need. Thread-safe.
/// </summary>
internal sealed class PlainUpstreams : IDisposable
{
    /// <summary>How exact time limits of connections are.</summary>
    public const int LooksPerSecond = 4;

    private readonly ConcurrentDictionary<string, LinePool?> pools = new(StringComparer.Ordinal);
    private readonly SocketLoop? loop;
    private readonly UpstreamRules rules;
    private readonly ITimer timer;
    private int looks;

    public PlainUpstreams(SocketLoop? loop, UpstreamRules? rules = null, GatewayMetrics? metrics = null)
    {
        (this.loop, this.rules) = (loop, rules ?? UpstreamRules.None);
        // Sockets' time: what passes while nobody sends anything, whatever a clock says.
        timer = TimeProvider.System.CreateTimer(static me => ((PlainUpstreams)me!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        metrics?.Gauge("jitgrains.gateway.upstream.connections", "{connection}", "Connections to upstreams that carry plain calls.", () => pools.Values.Sum(p => p?.Count ?? 0));
    }

    /// <summary>Whether a call is plain, as far as it says itself.</summary>
    public static bool Takes(HttpContext context, ForwardedCall call)
    {
        var (api, request) = (call.Api, call.Request);
        return call.Additions is null && api.Credential is null && (api.Retries == 0 || call.Gate.Once) && !api.UpstreamHttp2
            && HttpProtocol.IsHttp11(context.Request.Protocol)
            && context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: false }
            && request.Method is "GET" or "HEAD" or "POST" or "PUT" or "DELETE" or "PATCH" or "OPTIONS"
            && !request.IsWebSocket && !HasAny(request)
            // Whoever exports traces has them told on.
            && Activity.Current is null;

        static bool HasAny(Http.CanonicalRequest request)
        {
            foreach (var header in request.Headers)
            {
                if (header.Name is "upgrade" or "expect")
                    return true;
            }

            return false;
        }
    }

    /// <summary>The connections to an upstream; null where it takes no plain calls, as with TLS, or nothing serves them.</summary>
    public LinePool? To(in Picked upstream) => pools.GetOrAdd(upstream.Destination.Model.Config.Address, static (to, my) => my.PoolOf(to), this);

    /// <summary>Sends a plain call and its answer, or has it sent in the other way where nothing of it was sent that counts.</summary>
    /// <param name="call">The call.</param>
    /// <param name="pool">The connections to its upstream.</param>
    public ValueTask<ForwardResult> Send(in PlainCall call, LinePool pool) =>
        pool.TryTake(call.Call.Gate.Once) is { } line ? SendOver(line, pool, call) : SendOverNew(pool, call);

    private async ValueTask<ForwardResult> SendOverNew(LinePool pool, PlainCall call)
    {
        (UpstreamLine? Line, PlainResult? Failure) connected;
        try
        {
            connected = await Connect(pool, call);
        }
        catch
        {
            call.Broke();
            throw;
        }

        return connected.Line is { } line ? await SendOver(line, pool, call) : call.Ended(connected.Failure!.Value);
    }

    private static ValueTask<ForwardResult> SendOver(UpstreamLine line, LinePool pool, in PlainCall call)
    {
        bool isWritten;
        try
        {
            isWritten = RequestHead.TryWrite(line.Output, call.Context, call.Call, pool.Authority);
        }
        catch
        {
            pool.Drop(line);
            call.Broke();
            throw;
        }

        if (!isWritten)
        {
            line.Output.ResetWrittenCount();
            pool.GiveBack(line);
            return call.SendOtherwise();
        }

        line.Expect(Looks(call.Call.Api.UpstreamTimeout));
        return new PlainExchange(call, line, pool).Run();
    }

    public void Dispose()
    {
        timer.Dispose();
        foreach (var pool in pools.Values)
            pool?.Close();
    }

    private LinePool? PoolOf(string upstream) => loop is not null && new Uri(upstream) is { Scheme: "http" } to ? new LinePool(loop, to, rules) : null;

    private static int Looks(TimeSpan time) => (int)Math.Min(int.MaxValue - 1, Math.Ceiling(time.TotalSeconds * LooksPerSecond));

    private async ValueTask<(UpstreamLine? Line, PlainResult? Failure)> Connect(LinePool pool, PlainCall plain)
    {
        var (context, call, _, _, stop) = plain;
        using var until = CancellationTokenSource.CreateLinkedTokenSource(stop, context.RequestAborted);
        until.CancelAfter(call.Api.ConnectTimeout);
        try
        {
            var line = await pool.Connect(until.Token);
            if (Interlocked.Exchange(ref looks, 1) == 0)
                timer.Change(TimeSpan.FromSeconds(1.0 / LooksPerSecond), Timeout.InfiniteTimeSpan);
            return (line, null);
        }
        catch (Exception e) when (e is SocketException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            var error = stop.IsCancellationRequested || context.RequestAborted.IsCancellationRequested ? ForwarderError.RequestCanceled
                : e is OperationCanceledException ? ForwarderError.RequestTimedOut
                : ForwarderError.Request;
            return (null, new PlainResult(error, null, 0, e, context.RequestAborted.IsCancellationRequested));
        }
    }

    private void Look()
    {
        // Before looking: who connects while this looks has it look again.
        Volatile.Write(ref looks, 0);
        var left = 0;
        foreach (var (_, pool) in pools)
            left += pool?.Look() ?? 0;

        if (left > 0 && Interlocked.Exchange(ref looks, 1) == 0)
            timer.Change(TimeSpan.FromSeconds(1.0 / LooksPerSecond), Timeout.InfiniteTimeSpan);
    }
}
