using Azure.Core;
using JitGrains.Silo;

namespace JitGrains.Gateway.Injection;

/// <summary>Registers what is added to calls for their upstreams.</summary>
internal static class InjectionServices
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    public static IServiceCollection AddInjection(this IServiceCollection services)
    {
        services.AddSingleton(p => p.GetRequiredService<SiloOptions>().Upstreams);
        services.AddSingleton(p => new KeyVaultSecrets(Client(p, guarded: false), new Lazy<TokenCredential>(KeyVaultSecrets.OfProcess)));
        services.AddSingleton<SecretReader>();
        services.AddSingleton(p => ActivatorUtilities.CreateInstance<OAuthTokens>(p, Client(p, guarded: true)));
        services.AddSingleton<ClientCertificates>();
        services.AddSingleton<CallAdditions>();
        return services;
    }

    /// <summary>Follows nothing, remembers nothing; what policy names is reached in upstreams' networks only.</summary>
    private static HttpClient Client(IServiceProvider services, bool guarded)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMinutes(2) };
        if (guarded)
            handler.ConnectCallback = UpstreamConnections.Within(services.GetRequiredService<SiloOptions>().Upstreams);
        return new HttpClient(handler) { Timeout = Patience, MaxResponseContentBufferSize = 256 * 1024 };
    }
}
