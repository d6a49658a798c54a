using JitGrains.Shell;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace JitGrains.Runtime.Engine;

/// <summary>Adds the built-in grain engine.</summary>
public static class GrainEngineExtensions
{
    /// <summary>
    /// Adds <see cref="IGrainFactory"/>, <see cref="IReadModel"/>, <see cref="IAuditStore"/>, <see cref="IDeliveryQueue"/>,
    /// <see cref="IStoreHealth"/>, <see cref="IPolicyStore"/>, <see cref="IOutboxPump"/> and the services behind them. The host adds one
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

        services.AddStore(options);
        if (options.Database is null)
        {
            services.AddSingleton<IClusterBus, InProcessBus>();
        }
        else
        {
            services.AddSingleton<PostgresBus>();
            services.AddSingleton<IClusterBus>(s => s.GetRequiredService<PostgresBus>());
            services.AddHostedService(s => s.GetRequiredService<PostgresBus>());
        }

        services.AddSingleton<OutboxPump>();
        services.AddSingleton<IOutboxPump>(s => s.GetRequiredService<OutboxPump>());
        services.AddHostedService(s => s.GetRequiredService<OutboxPump>());
        services.AddSingleton<ReminderService>();
        services.AddHostedService(s => s.GetRequiredService<ReminderService>());
        return services;
    }
}
