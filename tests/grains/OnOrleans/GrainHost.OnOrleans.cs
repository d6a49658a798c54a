using System.Security.Cryptography;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Shell;
using JitGrains.Silo.Audit;
using JitGrains.Silo.Holds;
using JitGrains.Silo.Outbox;
using JitGrains.Silo.Revocation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Npgsql;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Storage;
using Orleans.TestingHost;

namespace JitGrains.GrainTests;

/// <summary>
/// On Orleans: a cluster of silos in this process, and a client that the tests call from. Read models and the audit trail
/// are in a memory store that all share.
/// </summary>
public sealed partial class GrainHost
{
    private const short Silos = 2;

    private readonly ServiceProvider services;

    private readonly string? database;

    private GrainHost(InProcessTestCluster cluster, ServiceProvider services, Notifications notifications, ManualTime time, string? database) =>
        (Cluster, this.services, Notified, Time, this.database) = (cluster, services, notifications, time, database);

    public InProcessTestCluster Cluster { get; }

    /// <summary>The drainers of the silos that run.</summary>
    private IEnumerable<OutboxDrain> Drains => Cluster.GetActiveSilos().Select(s => s.ServiceProvider.GetRequiredService<OutboxDrain>());

    /// <summary>Starts on the named store (<see cref="Stores"/>), in a database of its own.</summary>
    public static async Task<GrainHost> StartAsync(string store) => await StartAsync(await Ground.CreateAsync(store));

    /// <summary>Starts on what is there already, as a second cluster may that does not know of the first.</summary>
    internal static async Task<GrainHost> StartAsync(Ground ground)
    {
        var (time, database, table, readModels) = (ground.Time, ground.Database, ground.Table, ground.ReadModels);
        var notifications = new Notifications();
        var seen = new SlowObserver();
        var signer = new GrantSigner(ground.SigningKey);

        var builder = new InProcessTestClusterBuilder(Silos);
        builder.Options.ConfigureFileLogging = false;
        builder.Options.ServiceId = "jitgrains-test";
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddMetrics();
            AddReadModels(silo.Services, readModels);
            silo.Services.AddSingleton<EngineTelemetry>();
            silo.Services.AddSingleton(new GrainEngineOptions());
            silo.Services.AddSingleton(new AuditSealer(new SecretKey(new byte[32])));
            silo.Services.AddSingleton(new ReviewDigestKey(new SecretKey(new byte[32])));
            silo.Services.AddSingleton(signer);
            silo.Services.AddSingleton<IStoreEpoch, SingleEpoch>();
            silo.Services.AddSingleton<INotificationQueue>(notifications);
            silo.Services.AddSingleton<IOutboxHandler, OutboxDispatcher>();
            silo.Services.AddSingleton<IIdGenerator, RandomIdGenerator>();
            silo.Services.AddSingleton<ValueErasure>();
            silo.Services.AddSingleton<ICommitObserver>(seen);
            silo.Services.AddSingleton<ICommitNews, ClusterNews>();
            silo.Services.AddSingleton<ITurnClock>(new SiloTurnClock(ground.Clock, new SingleEpoch()));
            AddBus(silo.Services);
            silo.AddJitGrains();
            if (database is null)
            {
                silo.Services.AddSingleton(table);
                silo.Services.AddSingleton<IGrainStorage, SharedGrainStorage>();
                silo.UseInMemoryReminderService();
            }
            else
            {
                silo.AddAdoNetGrainStorageAsDefault(o => (o.Invariant, o.ConnectionString) = ("Npgsql", database));
                silo.UseAdoNetReminderService(o => (o.Invariant, o.ConnectionString) = ("Npgsql", database));
            }

            silo.Configure<ClusterMembershipOptions>(o =>
            {
                o.ProbeTimeout = TimeSpan.FromMilliseconds(500);
                o.NumMissedProbesLimit = 2;
                o.NumVotesForDeathDeclaration = 1;
            });
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();

        var collection = new ServiceCollection();
        collection.AddLogging();
        AddReadModels(collection, readModels);
        collection.AddSingleton<TimeProvider>(time);
        collection.AddSingleton<IIdGenerator, RandomIdGenerator>();
        collection.AddSingleton<IGrainFactory>(cluster.Client);
        collection.AddSingleton(s => ActivatorUtilities.CreateInstance<OrleansBus>(s, TimeProvider.System));
        collection.AddSingleton<IClusterBus>(s => s.GetRequiredService<OrleansBus>());
        collection.AddSingleton(seen);
        collection.AddSingleton<DecisionHub>();
        collection.AddSingleton(LeaseTime.Machine);
        collection.AddSingleton(new MailSeal(new SecretKey(new byte[32])));
        collection.AddSingleton<MailBell>();
        collection.AddSingleton<CondemnedGateways>();
        collection.AddSingleton<IInvalidationService, InvalidationService>();
        collection.AddSingleton<IStoreEpoch, SingleEpoch>();
        collection.AddSingleton<CommitTelling>();
        collection.AddSingleton<ICommitNews>(p => p.GetRequiredService<CommitTelling>());
        collection.AddSingleton<IRevocationService, RevocationService>();
        var host = new GrainHost(cluster, collection.BuildServiceProvider(validateScopes: true), notifications, time, database);
        await host.services.GetRequiredService<OrleansBus>().StartAsync(CancellationToken.None);
        foreach (var bus in cluster.Silos.Select(s => s.ServiceProvider).Append(host.services).Select(s => s.GetRequiredService<OrleansBus>()))
            await bus.Joined.WaitAsync(TimeSpan.FromSeconds(60));
        return host;
    }

    /// <summary>Waits until everything that grains tell each other is delivered, whichever silos they are on.</summary>
    public async Task SettleAsync()
    {
        long before;
        do
        {
            before = Drains.Sum(d => d.Signals);
            foreach (var drain in Drains)
                await drain.WhenIdleAsync().WaitAsync(TimeSpan.FromSeconds(60));
        }
        while (Drains.Sum(d => d.Signals) != before);
    }

    /// <summary>Has the grain's reminder come: Orleans' own go by real time, which these tests do not wait for.</summary>
    public Task RemindAsync(IGrainWithStringKey grain) =>
        Cluster.Client.GetGrain<IRemindable>(grain.GetGrainId()).ReceiveReminder("due", default);

    public async ValueTask DisposeAsync()
    {
        await services.GetRequiredService<OrleansBus>().StopAsync(CancellationToken.None);
        await services.DisposeAsync();
        await Cluster.DisposeAsync();
        if (database is not null)
            NpgsqlConnection.ClearPool(new NpgsqlConnection(database));
    }

    private static void AddReadModels(IServiceCollection services, MemoryStore store)
    {
        services.AddSingleton<IGrainStore>(store);
        services.AddSingleton<IReadModel>(store);
        services.AddSingleton<IAuditStore>(store);
        services.AddSingleton<IPersonalValues>(store);
    }

    private static void AddBus(IServiceCollection services)
    {
        services.AddSingleton<OrleansBus>();
        services.AddSingleton<IClusterBus>(s => s.GetRequiredService<OrleansBus>());
        services.AddHostedService(s => s.GetRequiredService<OrleansBus>());
    }
}
