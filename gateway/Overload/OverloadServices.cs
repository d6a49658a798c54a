namespace JitGrains.Gateway.Overload;

/// <summary>Registers what keeps the gateway up when there is too much to do.</summary>
internal static class OverloadServices
{
    public static IServiceCollection AddOverload(this IServiceCollection services)
    {
        services.AddSingleton<StoreGuard>();
        services.AddSingleton<LoadShedder>();
        services.AddHostedService(p => p.GetRequiredService<LoadShedder>());
        return services;
    }
}
