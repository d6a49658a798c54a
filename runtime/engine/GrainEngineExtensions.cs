using JitGrains.Shell;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace JitGrains.Runtime.Engine;

/// <summary>Adds the built-in grain engine.</summary>
public static class GrainEngineExtensions
{
    /// <summary>
    /// Adds <see cref="IGrainFactory"/>, <see cref="IReadModel"/>, <see cref="IAuditStore"/>, <see cref="IDeliveryQueue"/>,
    /// <see cref="IStoreHealth"/>, <see cref="IOutboxPump"/> and the services behind them. The host adds one
    /// <see cref="IOutboxHandler"/> and any number of <see cref="ICommitObserver"/>, as singletons. Throws
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

        services.AddSingleton(s =>
        {
            var queues = new TurnQueues();
            s.GetRequiredService<EngineTelemetry>().Observe("jitgrains.turn.queue.depth", "{turn}", "Turns that wait for an earlier turn of their grain", () => queues.Waiting);
            return queues;
        });
        services.AddSingleton<CommitHub>();
        services.AddSingleton<TurnRunner>();
        services.AddSingleton<IGrainFactory, GrainFactory>();
        services.AddScoped<TurnClock>();
        services.AddScoped<ITurnClock>(s => s.GetRequiredService<TurnClock>());

        if (options.Database is not null)
        {
            AddPostgres(services);
        }
        else
        {
            services.AddSingleton<IClusterBus, InProcessBus>();
            services.AddSingleton<IStoreEpoch, SingleEpoch>();
            if (options.UseMemory)
                AddStore<MemoryStore>(services);
            else
                AddStore<SqliteStore>(services);
        }

        services.AddSingleton<OutboxPump>();
        services.AddSingleton<IOutboxPump>(s => s.GetRequiredService<OutboxPump>());
        services.AddHostedService(s => s.GetRequiredService<OutboxPump>());
        services.AddSingleton<ReminderService>();
        services.AddHostedService(s => s.GetRequiredService<ReminderService>());
        return services;
    }

    private static void AddPostgres(IServiceCollection services)
    {
        services.AddSingleton<PostgresConnections>();
        services.AddSingleton<PostgresEpoch>();
        services.AddSingleton<IStoreEpoch>(s => s.GetRequiredService<PostgresEpoch>());
        services.AddSingleton<PostgresOpening>();
        // Before every other service: it fails the start where the database cannot be used.
        services.AddHostedService(s => s.GetRequiredService<PostgresOpening>());
        services.AddSingleton<PostgresBus>();
        services.AddSingleton<IClusterBus>(s => s.GetRequiredService<PostgresBus>());
        services.AddHostedService(s => s.GetRequiredService<PostgresBus>());
        AddStore<PostgresStore>(services);
    }

    private static void AddStore<TStore>(IServiceCollection services)
        where TStore : class, IGrainStore, IReadModel, IAuditStore, IDeliveryQueue, IStoreHealth
    {
        services.AddSingleton<TStore>();
        services.AddSingleton<IGrainStore>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IReadModel>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IAuditStore>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IDeliveryQueue>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IStoreHealth>(s => s.GetRequiredService<TStore>());
    }
}
