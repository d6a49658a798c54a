using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Identity;

/// <summary>Registration of token validation.</summary>
public static class TokenValidationExtensions
{
    /// <summary>Adds <see cref="ITokenValidator"/> for these issuers. Misconfigured issuers are an error now, all problems at once.</summary>
    /// <exception cref="StartupException">An issuer is misconfigured.</exception>
    public static IServiceCollection AddTokenValidation(this IServiceCollection services, IReadOnlyCollection<IssuerOptions> issuers)
    {
        StartupException.ThrowIfAny(IssuerOptions.ProblemsOf(issuers));
        services.AddSingleton(p => new TokenValidator(issuers, p.GetService<TimeProvider>() ?? TimeProvider.System, p.GetRequiredService<ILogger<TokenValidator>>()));
        services.AddSingleton<ITokenValidator>(p => p.GetRequiredService<TokenValidator>());
        return services;
    }
}
