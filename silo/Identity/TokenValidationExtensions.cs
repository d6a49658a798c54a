using JitGrains.Silo.Keys;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Identity;

/// <summary>Registration of token validation.</summary>
public static class TokenValidationExtensions
{
    /// <summary>Adds <see cref="ITokenValidator"/> for the issuers of tokens and of client certificates. Misconfigured ones are an error now, all problems at once.</summary>
    /// <exception cref="StartupException">An issuer is misconfigured.</exception>
    public static IServiceCollection AddTokenValidation(this IServiceCollection services, SiloOptions options)
    {
        StartupException.ThrowIfAny([.. IssuerOptions.ProblemsOf(options.Issuers), .. CertificateIssuerOptions.ProblemsOf(options.CertificateIssuers, options.Issuers)]);
        services.AddSingleton(p => new CertificateCallers(options.CertificateIssuers, options.CertificatesPoll, p.GetService<TimeProvider>() ?? TimeProvider.System, p.GetRequiredService<ILogger<CertificateCallers>>()));
        services.AddHostedService(p => p.GetRequiredService<CertificateCallers>());
        services.AddSingleton(p => new TokenValidator(
            options.Issuers, p.GetService<TimeProvider>() ?? TimeProvider.System, p.GetRequiredService<ILogger<TokenValidator>>(),
            options.CertificateIssuers.IsEmpty ? null : p.GetRequiredService<CertificateCallers>()) { Keys = p.GetService<ApiKeys>() });
        services.AddSingleton<ITokenValidator>(p => p.GetRequiredService<TokenValidator>());
        return services;
    }
}
