using JitGrains.Gateway.EventLoop;
using JitGrains.Gateway.Forwarding.Lines;
using JitGrains.Gateway.Telemetry;
using JitGrains.Silo.Upstreams;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Registers forwarding.</summary>
internal static class ForwardingServices
{
    /// <summary>An upstream's failures count for this long; YARP keeps a circuit breaker open for no less.</summary>
    private static readonly TimeSpan CircuitBreakerWindow = TimeSpan.FromSeconds(10);

    /// <summary>YARP with clusters from memory, and the forwarder over it. Its (empty) route table must be mapped for clusters to load.</summary>
    public static IServiceCollection AddForwarding(this IServiceCollection services)
    {
        services.AddSocketLoop();
        services.AddReverseProxy().LoadFromMemory([], []);
        services.Replace(ServiceDescriptor.Singleton<IForwarderHttpClientFactory, UpstreamClients>());
        // YARP's session affinity, which is not used, would have a folder for keys made in the home folder.
        services.Replace(ServiceDescriptor.Singleton<IDataProtectionProvider, EphemeralDataProtectionProvider>());
        foreach (var keys in services.Where(s => s.ImplementationType?.Name == "DataProtectionHostedService").ToArray())
            services.Remove(keys);
        services.Configure<TransportFailureRateHealthPolicyOptions>(o => o.DetectionWindowSize = CircuitBreakerWindow);
        services.AddSingleton<FewestCalls>();
        services.AddSingleton<ILoadBalancingPolicy>(p => p.GetRequiredService<FewestCalls>());
        services.AddSingleton<UpstreamPicker>();
        services.AddSingleton<RetryBudget>();
        services.AddSingleton<UpstreamClusters>();
        services.AddSingleton(p => new PlainUpstreams(p.GetService<SocketLoop>(), p.GetService<UpstreamRules>(), p.GetService<GatewayMetrics>()));
        services.AddSingleton<UpstreamForwarder>();
        return services;
    }
}
