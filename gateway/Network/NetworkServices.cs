using JitGrains.Silo.Network;

namespace JitGrains.Gateway.Network;

/// <summary>Registers what stands between the network and the listeners.</summary>
internal static class NetworkServices
{
    public static IServiceCollection AddNetwork(this IServiceCollection services, NetworkOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<NetworkMetrics>();
        services.AddSingleton<ProxyProtocol>();
        services.AddSingleton<ClientAddresses>();
        services.AddSingleton<AddressTables>();
        services.AddSingleton<IAddressTables>(p => p.GetRequiredService<AddressTables>());
        services.AddHostedService(p => p.GetRequiredService<AddressTables>());
        return services;
    }
}
