using JitGrains.Approvals;
using JitGrains.Assertions;
using JitGrains.Audit;
using JitGrains.Erasures;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Keys;
using JitGrains.PolicyVersions;
using JitGrains.Principals;
using JitGrains.Quotas;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Sessions;
using JitGrains.Silo.Audit;
using JitGrains.Silo.Holds;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Keys;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Revocation;
using JitGrains.Silo.Secrets;
using JitGrains.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace JitGrains.Silo;

/// <summary>What every process of a cluster has.</summary>
public static class SharedExtensions
{
    /// <summary>
    /// Adds what gateways and silos both need: the grains' engine with the grains that this role may run turns of,
    /// <see cref="IPolicyProvider"/>, <see cref="ITokenValidator"/>, <see cref="IRevocationService"/>, <see cref="DecisionHub"/>,
    /// <see cref="AuditSealer"/>, <see cref="GrantVerifier"/>, <see cref="GatewayKeys"/>. A silo's host calls
    /// <see cref="SiloExtensions.AddSilo"/>, which calls this.
    /// </summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">The options; their role says which grains.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="engine">Chooses the engine's store.</param>
    public static IServiceCollection AddShared(this IServiceCollection services, SiloOptions options, GatewayKeys keys, Action<GrainEngineOptions> engine)
    {
        services.AddSingleton(options);
        services.AddSingleton(keys);
        services.AddSingleton(keys.Grants);
        services.AddSingleton(new AuditSealer(keys.AuditPersonal));
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<IIdGenerator, RandomIdGenerator>();

        services.AddGrainEngine(o =>
        {
            o.AddGrain<PrincipalGrain>().AddGrain<GatewayGrain>().AddGrain<GatewayDirectoryGrain>().AddGrain<RestrictionsGrain>().AddGrain<QuotaGrain>().AddGrain<AssertionKeysGrain>()
                .AddGrain<ApiKeysGrain>().AddGrain<ApiKeyUsesGrain>();
            // What a gateway has no part in, it cannot even call.
            if (options.Role.RunsSilo())
                o.AddGrain<ApprovalRequestGrain>().AddGrain<SystemChainGrain>().AddGrain<PolicyGrain>().AddGrain<SessionsGrain>().AddGrain<ErasuresGrain>();
            // Asks are held against the policy when they arrive.
            if (options.PolicyInStore)
                o.DeliverAfter = static p => p.GetRequiredService<StoredPolicyProvider>().WhenLoaded;
            engine(o);
        });
        services.AddSingleton<DecisionHub>();
        services.AddSingleton<ICommitObserver>(p => p.GetRequiredService<DecisionHub>());
        services.AddSingleton<ICommitNews, ClusterNews>();
        services.TryAddSingleton(LeaseTime.Machine);
        services.AddSingleton(new MailSeal(keys.PayloadBinding));
        services.AddSingleton<AnswerLines>();
        services.AddSingleton<IAnswerLines>(p => p.GetRequiredService<AnswerLines>());
        services.AddHostedService(p => p.GetRequiredService<AnswerLines>());
        services.AddSingleton<MailBell>();
        services.AddSingleton<CondemnedGateways>();
        services.AddSingleton<IInvalidationService, InvalidationService>();
        services.AddSingleton<CommitTelling>();
        services.AddSingleton<ICommitNews>(p => p.GetRequiredService<CommitTelling>());
        services.AddSingleton<IRevocationService, RevocationService>();

        services.AddHostedService<ErasureNews>();
        services.AddSingleton<SiloMetrics>();
        services.AddTokenValidation(options);
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<IInvalidationTarget>(p => p.GetRequiredService<ApiKeys>());
        services.AddSingleton<KeyRevocation>();
        services.AddSingleton<ApiKeyUseTeller>();
        services.AddHostedService(p => p.GetRequiredService<ApiKeyUseTeller>());
        if (options.PolicyInStore)
        {
            services.AddSingleton<StoredPolicyProvider>();
            services.AddSingleton<IPolicyProvider>(p => p.GetRequiredService<StoredPolicyProvider>());
            services.AddSingleton<IInvalidationTarget>(p => p.GetRequiredService<StoredPolicyProvider>());
            services.AddHostedService(p => p.GetRequiredService<StoredPolicyProvider>());
        }
        else
        {
            services.AddSingleton<PolicyProvider>();
            services.AddSingleton<IPolicyProvider>(p => p.GetRequiredService<PolicyProvider>());
            services.AddHostedService(p => p.GetRequiredService<PolicyProvider>());
        }

        services.AddSingleton<LimitMetrics>();
        services.AddSingleton(p => new Limiting(p.GetRequiredService<IPolicyProvider>(), options, p.GetRequiredService<LimitMetrics>(), p.GetRequiredService<TimeProvider>()));
        services.AddSingleton<QuotaKeeper>();
        services.AddHostedService(p => p.GetRequiredService<QuotaKeeper>());
        services.AddHostedService<TelemetryExport>();
        return services;
    }
}
