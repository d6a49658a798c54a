using System.Diagnostics.Metrics;
using JitGrains.Gateway.Telemetry;
using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Gives YARP the clusters of each policy that comes into force.</summary>
internal sealed class PolicyClusters(IPolicyProvider policies, UpstreamClusters clusters, UpstreamPicker upstreams, GatewayMetrics metrics) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        policies.Changed += OnChanged;
        clusters.Apply(policies.Current.Apis);
        metrics.Gauges(
            "jitgrains.gateway.upstreams.available", "{upstream}", "Upstreams that get calls, by API.",
            () => policies.Current.Apis.Select(api => new Measurement<long>(upstreams.CountAvailable(api), new KeyValuePair<string, object?>("api", api.Name))));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        policies.Changed -= OnChanged;
        return Task.CompletedTask;
    }

    private void OnChanged(object? sender, PolicyChangedEventArgs e) => clusters.Apply(e.Policy.Apis);
}
