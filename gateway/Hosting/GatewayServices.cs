using JitGrains.Gateway.Assertions;
using JitGrains.Gateway.Callers;
using JitGrains.Gateway.Injection;
using JitGrains.Gateway.Exchange;
using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Holds;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Limits;
using JitGrains.Gateway.RequestPath;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace JitGrains.Gateway.Hosting;

/// <summary>Registers the data plane.</summary>
internal static class GatewayServices
{
    /// <summary>Everything between a caller and an upstream. The silo's services must be there, and their hosted services be added before.</summary>
    public static IServiceCollection AddGateway(this IServiceCollection services, GatewayOptions options, Uri? publicUrl)
    {
        services.AddSingleton(new PublicUrl(publicUrl));
        services.AddSingleton(p => new Incarnation(p.GetRequiredService<IIdGenerator>().NewIncarnationId()));
        services.AddSingleton<GatewayMetrics>();
        services.AddForwarding();
        services.AddAssertions();
        services.AddInjection();
        services.AddExchange();
        services.AddOverload();

        services.AddSingleton<GrantViews>();
        services.AddSingleton<GrantChoice>();
        services.AddHostedService<NewGrants>();
        services.AddSingleton<ExecutionRegistry>();
        services.AddSingleton<IInvalidationTarget>(p => p.GetRequiredService<ExecutionRegistry>());
        services.AddSingleton<ICommitObserver>(p => p.GetRequiredService<ExecutionRegistry>());
        services.AddSingleton<RestrictionsCopy>();
        services.AddSingleton<IInvalidationTarget>(p => p.GetRequiredService<RestrictionsCopy>());
        services.AddSingleton<GatewayJournal>();
        services.AddHostedService(p => p.GetRequiredService<GatewayJournal>());
        services.AddSingleton<LimitJournal>();
        services.AddHostedService(p => p.GetRequiredService<LimitJournal>());
        services.AddSingleton<CallLimiter>();
        services.AddSingleton<AskLimiter>();
        services.AddLease();
        services.AddSingleton<OutcomeRecorder>();
        services.AddHostedService(p => p.GetRequiredService<OutcomeRecorder>());
        services.AddHostedService<PolicyClusters>();

        services.AddSingleton<CallRunner>();
        services.AddSingleton<Redecision>();
        services.AddSingleton<IInvalidationTarget, PolicyDrain>();
        services.AddSingleton<GrantUse>();
        services.AddSingleton<AskFactory>();
        services.AddSingleton<RequestLookup>();
        services.AddSingleton<Asking>();
        services.AddSingleton<HoldRoom>();
        services.AddHostedService<HoldPoll>();
        services.AddSingleton<ApprovalPath>();
        services.AddSingleton<RequestPipeline>();

        services.AddSingleton<AskAhead>();
        services.AddSingleton<CallerEndpoints>();
        services.AddSingleton<Readiness>();
        return services;
    }

    /// <summary>Kept from after the journal was begun, which it announces, until the last outcome was recorded.</summary>
    private static void AddLease(this IServiceCollection services)
    {
        services.TryAddSingleton<LeaseClock, MachineLeaseClock>();
        services.AddSingleton(p => new StoreTime(p.GetRequiredService<LeaseClock>(), p.GetRequiredService<TimeProvider>()));
        services.AddSingleton<GatewayLease>();
        services.AddSingleton<IGatewayLease>(p => p.GetRequiredService<GatewayLease>());
        services.AddSingleton<LeaseMail>();
        services.AddSingleton<FormerIncarnations>();
        services.AddHostedService<LeaseKeeper>();
    }
}
