namespace JitGrains.Gateway.Network;

/// <summary>Registers what stands between the network and the listeners.</summary>
internal static class NetworkServices
{
    public static IServiceCollection AddNetwork(this IServiceCollection services, NetworkOptions options)
    {
        services.AddSingleton(options);
        services.AddSingleton<ConnectionMetrics>();
        services.AddSingleton<ProxyProtocol>();
        services.AddSingleton<ClientAddresses>();
        return services;
    }
}
