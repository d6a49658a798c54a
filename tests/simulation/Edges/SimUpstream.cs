using System.Net;
using System.Text;
using JitGrains.Gateway.Forwarding;
using JitGrains.Simulation.Machine;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Model;

namespace JitGrains.Simulation.Edges;

/// <summary>A call whose first byte has come to the upstream.</summary>
/// <param name="Process">The gateway that sent it.</param>
/// <param name="Token">What the caller presented.</param>
/// <param name="Method">The method.</param>
/// <param name="Target">The target.</param>
/// <param name="Body">The body.</param>
/// <param name="At">When its first byte came.</param>
/// <param name="WasStopped">Whether its process stood still between its last check and its first byte.</param>
internal sealed record Started(SimProcess Process, string Token, string Method, string Target, string Body, TimeSpan At, bool WasStopped);

/// <summary>Where a call is on its way.</summary>
internal enum Passage
{
    /// <summary>It waits for its connection; its last check is still to come.</summary>
    Connecting,

    /// <summary>It has passed its last check, and its first byte is not there yet.</summary>
    Sending,
}

/// <summary>The API behind the gateways.</summary>
internal sealed class SimUpstream
{
    /// <summary>Told of each call on its way (its gateway, its token, its method), and says how long that takes; null where that is for the dice.</summary>
    public Func<SimProcess, Passage, string, string, TimeSpan?>? Passing { get; set; }

    /// <summary>Told of each first byte, at the moment it comes.</summary>
    public Action<Started>? Received { get; set; }

    /// <summary>
    /// Whether what a gateway sends arrives twice once it has stood still: a bug of the simulated connections, for the test that
    /// shortens a history which breaks an invariant.
    /// </summary>
    public static bool Repeats { get; set; }

    /// <summary>How often it breaks off without an answer.</summary>
    public double Breaks { get; set; }

    /// <summary>How often it takes long.</summary>
    public double Slow { get; set; }

    /// <summary>How often a connection to it takes long.</summary>
    public double Far { get; set; } = 0.2;
}

/// <summary>What a call came with, for those who judge it: a gateway forgets the token of a call that it holds.</summary>
internal static class PresentedToken
{
    private static readonly object Key = new();

    public static void Note(HttpContext context, string token) => context.Items[Key] = token;

    public static string Of(HttpContext context) => (string)context.Items[Key]!;
}

/// <summary>
/// Sends a call upstream in the place of YARP and the HTTP stack: it asks the gate where the stack does, and tells it that
/// the byte is sent where the connection does. Between the two a moment passes.
/// </summary>
internal sealed class SimForwarder(World world, SimProcess process, SimUpstream upstream) : IHttpForwarder
{
    public ValueTask<ForwarderError> SendAsync(HttpContext context, string destinationPrefix, HttpMessageInvoker httpClient, ForwarderRequestConfig requestConfig, HttpTransformer transformer) =>
        SendAsync(context, destinationPrefix, httpClient, requestConfig, transformer, CancellationToken.None);

    public async ValueTask<ForwarderError> SendAsync(
        HttpContext context, string destinationPrefix, HttpMessageInvoker httpClient, ForwarderRequestConfig requestConfig, HttpTransformer transformer, CancellationToken cancellationToken)
    {
        var dice = world.Dice;
        var token = PresentedToken.Of(context);
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), destinationPrefix);
        await transformer.TransformRequestAsync(context, request, destinationPrefix, cancellationToken);
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8, leaveOpen: true);
        var body = await reader.ReadToEndAsync(CancellationToken.None);

        // Until a connection is there.
        TimeSpan? Passing(Passage passage) => upstream.Passing?.Invoke(process, passage, token, context.Request.Method);
        await process.Pause(Passing(Passage.Connecting) ?? dice.Between(TimeSpan.FromMicroseconds(50), TimeSpan.FromMilliseconds(dice.Chance(upstream.Far) ? 300 : 2)));
        // Who is to hear of it hears a moment later: the stack may write its head all the same.
        if (cancellationToken.IsCancellationRequested && dice.Chance(0.7))
            return ForwarderError.RequestCanceled;
        if (context.RequestAborted.IsCancellationRequested)
            return ForwarderError.RequestCanceled;
        if (!request.Options.TryGetValue(ExecutionGate.Key, out var gate))
            throw new InvalidOperationException("a call without a gate");
        try
        {
            gate.OnHeader("accept");
        }
        catch (ExecutionRefusedException)
        {
            return ForwarderError.Request;
        }

        // The head is in the stack's buffer, and on its way to the socket.
        var suspensions = process.Suspensions;
        await process.Pause(Passing(Passage.Sending) ?? dice.Between(TimeSpan.FromMicroseconds(1), TimeSpan.FromMilliseconds(dice.Chance(0.25) ? 40 : 0.2)));
        if ((cancellationToken.IsCancellationRequested || context.RequestAborted.IsCancellationRequested) && dice.Chance(0.7))
            return ForwarderError.RequestCanceled;
        for (var times = SimUpstream.Repeats && process.Suspensions > 0 ? 2 : 1; times > 0; times--)
        {
            upstream.Received?.Invoke(new Started(
                process, token, context.Request.Method, request.RequestUri!.OriginalString, body, world.Now, process.Suspensions != suspensions));
        }

        gate.Sent();

        await process.Pause(dice.Between(TimeSpan.FromMicroseconds(200), TimeSpan.FromMilliseconds(dice.Chance(upstream.Slow) ? 4000 : 20)));
        if (cancellationToken.IsCancellationRequested || context.RequestAborted.IsCancellationRequested)
            return ForwarderError.RequestCanceled;
        if (dice.Chance(upstream.Breaks))
            return ForwarderError.Request;
        using var response = new HttpResponseMessage(HttpStatusCode.OK) { Content = new ByteArrayContent([]) };
        await transformer.TransformResponseAsync(context, response, cancellationToken);
        context.Response.Headers["X-Upstream"] = "simulated";
        return ForwarderError.None;
    }
}

/// <summary>YARP's clusters, each with one upstream that is well.</summary>
internal sealed class SimClusters : IProxyStateLookup, IDisposable
{
    private readonly Dictionary<string, ClusterState> clusters = new(StringComparer.Ordinal);
    private readonly HttpMessageInvoker nobody = new(new HttpClientHandler());

    public bool TryGetRoute(string id, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out RouteModel? route)
    {
        route = null;
        return false;
    }

    public IEnumerable<RouteModel> GetRoutes() => [];

    public IEnumerable<ClusterState> GetClusters() => clusters.Values;

    public bool TryGetCluster(string id, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ClusterState? cluster)
    {
        if (!clusters.TryGetValue(id, out cluster))
        {
            var config = new ClusterConfig { ClusterId = id, LoadBalancingPolicy = "RoundRobin" };
            cluster = new ClusterState(id, new ClusterModel(config, nobody));
            var destination = new DestinationState("one", new DestinationModel(new DestinationConfig { Address = "http://upstream" }));
            cluster.DestinationsState = new ClusterDestinationsState([destination], [destination]);
            clusters[id] = cluster;
        }

        return true;
    }

    public void Dispose() => nobody.Dispose();
}
