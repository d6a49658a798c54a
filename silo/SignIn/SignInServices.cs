using JitGrains.Silo.Secrets;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.Silo.SignIn;

/// <summary>Registration of sign-in with a browser.</summary>
internal static class SignInServices
{
    public static IServiceCollection AddSignIn(this IServiceCollection services, KeyRing keys)
    {
        services.AddSingleton(new PendingSeal(keys.SignIn));
        services.AddSingleton<SessionCookies>();
        services.AddSingleton<CrossSite>();
        services.AddSingleton<SessionKeeper>();
        services.AddSingleton<ProviderHttp>();
        services.AddSingleton<ProviderEndpoints>();
        services.AddSingleton<SignInFlow>();
        return services;
    }
}
