using JitGrains.Shell;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Serialization;
using Orleans.Storage;

namespace JitGrains.Runtime.Engine;

/// <summary>Adds the grain engine: Orleans for grains and reminders, ours for read models, audit trail and outboxes.</summary>
public static class GrainEngineExtensions
{
    /// <summary>
    /// Adds <see cref="IGrainFactory"/>, <see cref="IReadModel"/>, <see cref="IAuditStore"/>, <see cref="IDeliveryQueue"/>,
    /// <see cref="IStoreHealth"/>, <see cref="IClusterBus"/>, <see cref="IOutboxPump"/> and the services behind them, as an
    /// Orleans silo or, with <see cref="OrleansOptions.ClientOnly"/>, a client. The host adds one <see cref="IOutboxHandler"/>
    /// and any number of <see cref="ICommitObserver"/>, as singletons. Throws
    /// <see cref="Microsoft.Extensions.Options.OptionsValidationException"/>, listing all that is wrong with the options.
    /// </summary>
    public static IServiceCollection AddGrainEngine(this IServiceCollection services, Action<GrainEngineOptions> configure)
    {
        var options = new GrainEngineOptions();
        configure(options);
        services.AddSingleton(options.Validate());
        services.AddSingleton(options);
        services.AddMetrics();
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<EngineTelemetry>();
        services.AddStore(options);

        if (options.Orleans.ClientOnly)
        {
            services.AddOrleansClient(client => OrleansProviders.Configure(client, options.Orleans));
            services.AddExceptions();
            services.AddSingleton<IOutboxPump, NothingToDrain>();
        }
        else
        {
            // Before the silo, which begins to write as it starts.
            if (options.Orleans.Storage == OrleansStorage.Database)
                services.AddHostedService(_ => new OrleansSchema(options.Orleans));
            services.AddOrleans(silo =>
            {
                OrleansProviders.Configure(silo, options.Orleans);
                silo.AddJitGrains();
            });
            services.AddSingleton<IOutboxPump>(s => s.GetRequiredService<OutboxDrain>());
        }

        services.AddSingleton<OrleansBus>();
        services.AddSingleton<IClusterBus>(s => s.GetRequiredService<OrleansBus>());
        services.AddHostedService(s => s.GetRequiredService<OrleansBus>());
        return services;
    }

    /// <summary>
    /// What JitGrains' grains need of a silo beside storage and reminders: their JSON, their clock, and the service that
    /// delivers their messages. The silo's services must hold an <see cref="IGrainStore"/>, <see cref="GrainEngineOptions"/>
    /// and what the grains' constructors ask for.
    /// </summary>
    public static ISiloBuilder AddJitGrains(this ISiloBuilder silo)
    {
        var services = silo.Services;
        services.Replace(ServiceDescriptor.Singleton<IGrainStorageSerializer, JitGrainSerializer>());
        services.TryAddSingleton<ITurnClock, SiloTurnClock>();
        services.AddExceptions();
        services.AddSingleton<ProjectionWriter>();
        services.AddSingleton<OutboxDrain>();
        services.AddSingleton<IOutboxService>(s => s.GetRequiredService<OutboxDrain>());
        services.AddHostedService(s => s.GetRequiredService<OutboxDrain>());
        silo.AddOutgoingGrainCallFilter<NestedCallFilter>();
        return silo;
    }

    /// <summary>Failures of the database reach the caller as what they are.</summary>
    private static void AddExceptions(this IServiceCollection services) => services.Configure<ExceptionSerializationOptions>(o =>
    {
        o.SupportedNamespacePrefixes.Add("JitGrains");
        o.SupportedNamespacePrefixes.Add("Npgsql");
    });

    /// <summary>A client has no outboxes: silos drain them.</summary>
    private sealed class NothingToDrain : IOutboxPump
    {
        public Task WhenIdleAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;
    }
}
