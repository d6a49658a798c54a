using Microsoft.AspNetCore.DataProtection;
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
        // YARP's session affinity, which is not used, would have a folder for keys made in the home folder.
        services.Replace(ServiceDescriptor.Singleton<IDataProtectionProvider, EphemeralDataProtectionProvider>());
        foreach (var keys in services.Where(s => s.ImplementationType?.Name == "DataProtectionHostedService").ToArray())
            services.Remove(keys);
        services.AddSingleton<UpstreamClusters>();
        services.AddSingleton<UpstreamForwarder>();
        return services;
    }
}
