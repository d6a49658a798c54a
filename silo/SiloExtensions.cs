using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.PolicyVersions;
using JitGrains.Principals;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Audit;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.DevIssuer;
using JitGrains.Silo.Holds;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Notifications;
using JitGrains.Silo.Outbox;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Revocation;
using JitGrains.Silo.Secrets;
using JitGrains.Silo.SignIn;
using JitGrains.Silo.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace JitGrains.Silo;

/// <summary>The control plane in a host.</summary>
public static class SiloExtensions
{
    /// <summary>
    /// Adds the control plane and the grains' engine: <see cref="IPolicyProvider"/>, <see cref="ITokenValidator"/>,
    /// <see cref="IRevocationService"/>, <see cref="DecisionHub"/>, <see cref="AuditVerifier"/>, <see cref="AuditSealer"/>,
    /// <see cref="GrantSigner"/>, <see cref="GrantVerifier"/>, <see cref="KeyRing"/>. The host adds its
    /// <see cref="IInvalidationTarget"/>s.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">The options.</param>
    /// <param name="keys">The installation's keys.</param>
    /// <param name="engine">Chooses the engine's store; the grains are added here.</param>
    /// <param name="devIssuer">The quickstart's issuer, or null.</param>
    /// <exception cref="StartupException">The options are wrong; every problem is listed.</exception>
    public static IServiceCollection AddSilo(
        this IServiceCollection services,
        SiloOptions options,
        KeyRing keys,
        Action<GrainEngineOptions> engine,
        DevelopmentIssuer? devIssuer = null)
    {
        var problems = options.Problems().ToList();
        if (options.Issuers.IsEmpty && options.CertificateIssuers.IsEmpty && devIssuer is null)
            problems.Add("Issuers: at least one token issuer is needed.");
        StartupException.ThrowIfAny(problems);
        options.Webhook?.ReadSecret();
        foreach (var provider in options.SignIn.Providers)
            provider.ReadSecret();

        services.AddShared(options, keys.ForGateways, engine);
        services.AddSingleton(keys);
        services.AddSingleton(new ReviewDigestKey(keys.ReviewDigest));
        services.AddSingleton(new GrantSigner(keys.GrantSigning));
        if (devIssuer is not null)
            services.AddSingleton(devIssuer);

        services.AddSingleton<IOutboxHandler, OutboxDispatcher>();
        services.AddHostedService<GatewayReaper>();
        services.AddSingleton<AuditVerifier>();
        services.AddSingleton<ValueErasure>();
        if (options.PolicyInStore)
        {
            services.AddSingleton<PolicyAdministration>();
            services.AddSingleton<PolicyGate>();
            services.AddSingleton<AskCheck>();
            services.AddSingleton<PolicySweep>();
            services.AddHostedService(p => p.GetRequiredService<PolicySweep>());
        }

        services.AddSingleton<INotificationQueue, WebhookQueue>();
        services.AddHostedService<WebhookSender>();

        services.AddSingleton<Access>();
        services.AddSignIn(keys);
        services.AddSingleton<Authentication>();
        OpenApi.Add(services);
        return services;
    }

    /// <summary>Maps the control plane's endpoints: <c>/api/v1</c>, sign-in with a browser, <c>/healthz</c>, <c>/readyz</c>, <c>/openapi/v1.json</c>, and the development issuer's.</summary>
    public static IEndpointRouteBuilder MapSilo(this IEndpointRouteBuilder endpoints)
    {
        var api = endpoints.MapGroup("/api/v1").AddEndpointFilter(endpoints.ServiceProvider.GetRequiredService<Authentication>());
        RequestEndpoints.Map(api);
        GrantEndpoints.Map(api);
        RevocationEndpoints.Map(api);
        AuditEndpoints.Map(api);
        PolicyEndpoints.Map(api);
        PolicyChangeEndpoints.Map(api);
        ExplainEndpoints.Map(api);
        MeEndpoints.Map(api);
        SignInEndpoints.Map(endpoints);
        KeyEndpoints.Map(api);
        HealthEndpoints.Map(endpoints);
        AnswerEndpoint.Map(endpoints);
        endpoints.MapOpenApi("/openapi/{documentName}.json");
        if (endpoints.ServiceProvider.GetService<DevelopmentIssuer>() is { } issuer)
            DevIssuerEndpoints.Map(endpoints, issuer, endpoints.ServiceProvider.GetRequiredService<TimeProvider>(), endpoints.ServiceProvider.GetRequiredService<IIdGenerator>(), endpoints.ServiceProvider.GetRequiredService<Limiting>());
        return endpoints;
    }

    /// <summary>
    /// The whole pipeline of the control plane's listener: problems for everything that goes wrong, routing, endpoints. For
    /// a branch of the host's pipeline.
    /// </summary>
    public static IApplicationBuilder UseSilo(this IApplicationBuilder app)
    {
        app.UseMiddleware<ProblemMiddleware>();
        app.UseWebSockets();
        app.UseRouting();
        app.UseEndpoints(static endpoints => endpoints.MapSilo());
        return app;
    }
}
