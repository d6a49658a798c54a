using JitGrains.Policy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.LoadBalancing;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Keeps YARP's clusters those of the current policy. Thread-safe.</summary>
internal sealed class UpstreamClusters(InMemoryConfigProvider provider)
{
    /// <summary>The cluster of an API.</summary>
    public static string IdOf(ApiDefinition api) => api.Name;

    /// <summary>The clusters of these APIs, and nothing else.</summary>
    public void Apply(IEnumerable<ApiDefinition> apis) => provider.Update([], Describe(apis));

    internal static List<ClusterConfig> Describe(IEnumerable<ApiDefinition> apis) => apis.Select(api => new ClusterConfig
    {
        ClusterId = IdOf(api),
        LoadBalancingPolicy = LoadBalancingPolicies.RoundRobin,
        Destinations = api.Upstreams.Index().ToDictionary(
            u => $"{u.Index}",
            u => new DestinationConfig { Address = u.Item.GetLeftPart(UriPartial.Authority) },
            StringComparer.Ordinal),
    }).ToList();
}
