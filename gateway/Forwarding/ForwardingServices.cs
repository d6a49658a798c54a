using Microsoft.Extensions.DependencyInjection.Extensions;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Gateway.Forwarding;

/// <summary>Registers forwarding.</summary>
internal static class ForwardingServices
{
    /// <summary>YARP with clusters from memory, and the forwarder over it. Its (empty) route table must be mapped for clusters to load.</summary>
    public static IServiceCollection AddForwarding(this IServiceCollection services)
    {
        services.AddReverseProxy().LoadFromMemory([], []);
        services.Replace(ServiceDescriptor.Singleton<IForwarderHttpClientFactory, UpstreamClients>());
        services.AddSingleton<UpstreamClusters>();
        services.AddSingleton<UpstreamForwarder>();
        return services;
    }
}
