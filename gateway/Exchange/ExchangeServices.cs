namespace JitGrains.Gateway.Exchange;

/// <summary>Registers token exchange.</summary>
internal static class ExchangeServices
{
    public static IServiceCollection AddExchange(this IServiceCollection services)
    {
        services.AddSingleton<ExchangedTokens>();
        services.AddSingleton<PollPace>();
        services.AddSingleton<SubjectTokens>();
        services.AddSingleton<TokenEndpoint>();
        return services;
    }
}
