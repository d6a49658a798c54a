using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.Runtime.Engine;

/// <summary>Adds the store that the options choose.</summary>
internal static class StoreExtensions
{
    /// <summary>The store under its interfaces, with its epoch and what must run before its first use.</summary>
    public static void AddStore(this IServiceCollection services, GrainEngineOptions options)
    {
        if (options.Database is not null)
        {
            services.AddSingleton<PostgresConnections>();
            services.AddSingleton<PostgresEpoch>();
            services.AddSingleton<IStoreEpoch>(s => s.GetRequiredService<PostgresEpoch>());
            services.AddSingleton<PostgresOpening>();
            // Before every other service: it fails the start where the database cannot be used.
            services.AddHostedService(s => s.GetRequiredService<PostgresOpening>());
            AddStore<PostgresStore>(services);
            return;
        }

        services.AddSingleton<IStoreEpoch, SingleEpoch>();
        if (options.UseMemory)
            AddStore<MemoryStore>(services);
        else
            AddStore<SqliteStore>(services);
    }

    private static void AddStore<TStore>(IServiceCollection services)
        where TStore : class, IGrainStore, IReadModel, IAuditStore, IPersonalValues, IDeliveryQueue, IStoreHealth, IPolicyStore
    {
        services.AddSingleton<TStore>();
        services.AddSingleton<IGrainStore>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IReadModel>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IAuditStore>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IPersonalValues>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IDeliveryQueue>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IStoreHealth>(s => s.GetRequiredService<TStore>());
        services.AddSingleton<IPolicyStore>(s => s.GetRequiredService<TStore>());
    }
}
