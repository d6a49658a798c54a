using JitGrains.Policy;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace JitGrains.Gateway.Forwarding;

/// <summary>
/// Which upstream a call goes to, by YARP's clusters, health and balancing, and what is learned of an upstream from how a call
/// went. Thread-safe.
/// </summary>
internal sealed class UpstreamPicker(
    IProxyStateLookup clusters, IEnumerable<ILoadBalancingPolicy> balancing, IEnumerable<IPassiveHealthCheckPolicy> watching, FewestCalls fewest)
{
    private readonly Dictionary<string, ILoadBalancingPolicy> balancing = balancing.ToDictionary(b => b.Name, StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, IPassiveHealthCheckPolicy> watching = watching.ToDictionary(w => w.Name, StringComparer.OrdinalIgnoreCase);

    /// <summary>How many upstreams of the API may get a call.</summary>
    public int CountAvailable(ApiDefinition api) =>
        clusters.TryGetCluster(UpstreamClusters.IdOf(api), out var cluster) ? cluster.DestinationsState.AvailableDestinations.Count : 0;

    /// <summary>The upstream for a call; null where none may get one.</summary>
    /// <param name="context">The call.</param>
    /// <param name="api">Its API.</param>
    /// <param name="after">Where it went before, to no avail: another comes first.</param>
    public Picked? Pick(HttpContext context, ApiDefinition api, Picked? after)
    {
        if (!clusters.TryGetCluster(UpstreamClusters.IdOf(api), out var cluster))
            return null;
        var available = cluster.DestinationsState.AvailableDestinations;
        if (after is { Destination: var tried } && available.Count > 1)
            available = [.. available.Where(d => d != tried)];
        var destination = available.Count == 1 ? available[0] : balancing[cluster.Model.Config.LoadBalancingPolicy!].PickDestination(context, cluster, available);
        return destination is null ? null : new Picked(cluster, destination);
    }

    /// <summary>A call goes to it.</summary>
    public void Begin(in Picked picked)
    {
        if (picked.Cluster.Model.Config.LoadBalancingPolicy == FewestCalls.PolicyName)
            fewest.Begin(picked.Destination);
    }

    /// <summary>That call is over.</summary>
    /// <param name="context">The call; YARP's error is among its features.</param>
    /// <param name="picked">Where it went.</param>
    /// <param name="isAboutUpstream">Whether how it went says something of the upstream: what the gateway itself stopped does not.</param>
    public void End(HttpContext context, in Picked picked, bool isAboutUpstream)
    {
        if (picked.Cluster.Model.Config.LoadBalancingPolicy == FewestCalls.PolicyName)
            fewest.End(picked.Destination);
        if (isAboutUpstream && picked.Cluster.Model.Config.HealthCheck?.Passive is { Enabled: true, Policy: { } policy })
            watching[policy].RequestProxied(context, picked.Cluster, picked.Destination);
    }
}

/// <summary>An upstream that a call goes to.</summary>
internal readonly record struct Picked(ClusterState Cluster, DestinationState Destination);
