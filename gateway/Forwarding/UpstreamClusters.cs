using System.Globalization;
using JitGrains.Policy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Keeps YARP's clusters those of the current policy. Thread-safe.</summary>
internal sealed class UpstreamClusters(InMemoryConfigProvider provider)
{
    /// <summary>Under this name a cluster's metadata has how many milliseconds a connection may take.</summary>
    public const string ConnectTimeout = "jitgrains.connect_timeout_ms";

    /// <summary>Under this name it has what certificate connections are made with: two references, a line each.</summary>
    public const string ClientCertificate = "jitgrains.client_certificate";

    /// <summary>The cluster of an API.</summary>
    public static string IdOf(ApiDefinition api) => api.Name;

    /// <summary>The clusters of these APIs, and nothing else.</summary>
    public void Apply(IEnumerable<ApiDefinition> apis) => provider.Update([], Describe(apis));

    internal static List<ClusterConfig> Describe(IEnumerable<ApiDefinition> apis) => apis.Select(api => new ClusterConfig
    {
        ClusterId = IdOf(api),
        LoadBalancingPolicy = api.LoadBalancing switch
        {
            LoadBalancing.LeastRequests => FewestCalls.PolicyName,
            LoadBalancing.Random => LoadBalancingPolicies.Random,
            LoadBalancing.First => LoadBalancingPolicies.FirstAlphabetical,
            _ => LoadBalancingPolicies.RoundRobin,
        },
        HealthCheck = new HealthCheckConfig
        {
            Active = api.HealthCheck is not { } check ? null : new ActiveHealthCheckConfig
            {
                Enabled = true,
                Policy = HealthCheckConstants.ActivePolicy.ConsecutiveFailures,
                Path = check.Path,
                Interval = check.Interval,
                Timeout = check.Timeout,
            },
            Passive = api.CircuitBreaker is not { } breaker ? null : new PassiveHealthCheckConfig
            {
                Enabled = true,
                Policy = HealthCheckConstants.PassivePolicy.TransportFailureRate,
                ReactivationPeriod = breaker.OpenFor,
            },
            AvailableDestinationsPolicy = api.TryUnhealthy
                ? HealthCheckConstants.AvailableDestinations.HealthyOrPanic
                : HealthCheckConstants.AvailableDestinations.HealthyAndUnknown,
        },
        Metadata = MetadataOf(api),
        // The place in front: whoever takes the first takes the first of the list. The address behind: another upstream in
        // the same place does not have the health of the one before.
        Destinations = api.Upstreams.Index().ToDictionary(
            u => $"{u.Index:00000} {u.Item.GetLeftPart(UriPartial.Authority)}",
            u => new DestinationConfig { Address = u.Item.GetLeftPart(UriPartial.Authority) },
            StringComparer.Ordinal),
    }).ToList();

    private static Dictionary<string, string> MetadataOf(ApiDefinition api)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [ConnectTimeout] = ((long)api.ConnectTimeout.TotalMilliseconds).ToString(CultureInfo.InvariantCulture),
        };
        if (api.Credential?.Certificate is { } certificate)
            metadata[ClientCertificate] = $"{certificate.Certificate}\n{certificate.Key}";
        if (api.HealthCheck is { } check)
            metadata[ConsecutiveFailuresHealthPolicyOptions.ThresholdMetadataName] = check.Failures.ToString(CultureInfo.InvariantCulture);
        if (api.CircuitBreaker is { } breaker)
            metadata[TransportFailureRateHealthPolicyOptions.FailureRateLimitMetadataName] = (breaker.FailurePercent / 100.0).ToString(CultureInfo.InvariantCulture);
        return metadata;
    }
}
