using System.Net;
using JitGrains.Policy;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.LoadBalancing;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Sends a call to one of its API's upstreams and its answer back, with YARP. Decides nothing. Thread-safe.</summary>
internal sealed class UpstreamForwarder(IHttpForwarder forwarder, IProxyStateLookup clusters, IEnumerable<ILoadBalancingPolicy> balancing)
{
    private readonly ILoadBalancingPolicy balancing = balancing.First(b => b.Name == LoadBalancingPolicies.RoundRobin);

    /// <summary>
    /// Forwards. Where nothing has been sent to the caller (<see cref="HttpResponse.HasStarted"/>), a failed call's answer
    /// is the pipeline's to write.
    /// </summary>
    /// <param name="context">The call.</param>
    /// <param name="call">What is known of it.</param>
    /// <param name="stop">Cancels the execution, as the end of its grant or token does.</param>
    public async ValueTask<ForwardResult> Forward(HttpContext context, ForwardedCall call, CancellationToken stop)
    {
        if (!clusters.TryGetCluster(UpstreamClusters.IdOf(call.Api), out var cluster))
            return new ForwardResult(null, ForwardErrors.UpstreamUnreachable, 0, 0);
        var available = cluster.DestinationsState.AvailableDestinations;
        var destination = available.Count == 1 ? available[0] : balancing.PickDestination(context, cluster, available);
        if (destination is null)
            return new ForwardResult(null, ForwardErrors.UpstreamUnreachable, 0, 0);

        // Callers may pause while they send, as streams do: how long all may be silent is the API's to say, not the server's.
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
            rate.MinDataRate = null;
        var bytes = BodyBytes.Count(context);
        var transformer = new CallTransformer(call);
        // In this method's own flow: it is gone when the call is over.
        ExecutionGate.Current.Value = call.Gate;
        var error = await forwarder.SendAsync(context, destination.Model.Config.Address, cluster.Model.HttpClient, ConfigFor(call, context), transformer, stop);
        var word = call.Gate.Refusal ?? WordFor(error, context, transformer, stop);
        return new ForwardResult(transformer.UpstreamStatus, word, bytes.Request, bytes.Response);
    }

    private static ForwarderRequestConfig ConfigFor(ForwardedCall call, HttpContext context)
    {
        var config = new ForwarderRequestConfig { ActivityTimeout = call.Api.UpstreamTimeout };
        if (call.Api.UpstreamHttp2)
            return config with { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        // A WebSocket is asked for once, by HTTP/1.1; YARP would try HTTP/2 first and then send it again.
        return call.Request.IsWebSocket || context.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest == true
            ? config with { Version = HttpVersion.Version11 }
            : config;
    }

    private static string? WordFor(ForwarderError error, HttpContext context, CallTransformer transformer, CancellationToken stop) => error switch
    {
        ForwarderError.None => null,
        _ when stop.IsCancellationRequested => ForwardErrors.GrantEnded,
        _ when context.RequestAborted.IsCancellationRequested => ForwardErrors.CallerLeft,
        ForwarderError.RequestTimedOut or ForwarderError.UpgradeActivityTimeout => ForwardErrors.UpstreamTimeout,
        ForwarderError.RequestBodyClient or ForwarderError.RequestBodyCanceled or ForwarderError.UpgradeRequestClient => ForwardErrors.CallerBody,
        ForwarderError.ResponseBodyClient or ForwarderError.UpgradeResponseClient => ForwardErrors.CallerLeft,
        ForwarderError.ResponseBodyCanceled or ForwarderError.UpgradeRequestCanceled or ForwarderError.UpgradeResponseCanceled => ForwardErrors.UpstreamTimeout,
        _ when transformer.UpstreamStatus is not null => ForwardErrors.UpstreamBroke,
        _ => ForwardErrors.UpstreamUnreachable,
    };
}
