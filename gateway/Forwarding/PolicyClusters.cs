using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Gives YARP the clusters of each policy that comes into force.</summary>
internal sealed class PolicyClusters(IPolicyProvider policies, UpstreamClusters clusters) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        policies.Changed += OnChanged;
        clusters.Apply(policies.Current.Apis);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        policies.Changed -= OnChanged;
        return Task.CompletedTask;
    }

    private void OnChanged(object? sender, PolicyChangedEventArgs e) => clusters.Apply(e.Policy.Apis);
}
