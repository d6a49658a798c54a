namespace JitGrains.Gateway.Assertions;

/// <summary>Registers signed assertions.</summary>
internal static class AssertionServices
{
    public static IServiceCollection AddAssertions(this IServiceCollection services)
    {
        services.AddSingleton<AssertionKeys>();
        services.AddHostedService(p => p.GetRequiredService<AssertionKeys>());
        services.AddSingleton<PublishedKeys>();
        return services;
    }
}
