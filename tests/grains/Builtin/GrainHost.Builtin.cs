using System.Security.Cryptography;
using JitGrains.Approvals;
using JitGrains.Assertions;
using JitGrains.Audit;
using JitGrains.Erasures;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Keys;
using JitGrains.Principals;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Sessions;
using JitGrains.Silo.Audit;
using JitGrains.Silo.Holds;
using JitGrains.Silo.Outbox;
using JitGrains.Silo.Revocation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace JitGrains.GrainTests;

/// <summary>On the built-in engine: all in this process.</summary>
public sealed partial class GrainHost
{
    private readonly ServiceProvider services;
    private readonly IHostedService[] hosted;

    private readonly string? folderToDelete;

    private GrainHost(ServiceProvider services, Notifications notifications, ManualTime time, string? folderToDelete)
    {
        this.folderToDelete = folderToDelete;
        this.services = services;
        Notified = notifications;
        Time = time;
        hosted = [.. services.GetServices<IHostedService>()];
    }

    /// <summary>Starts on the named store (<see cref="Stores"/>), in a folder of its own that goes with the host.</summary>
    public static async Task<GrainHost> StartAsync(string store)
    {
        var time = new ManualTime(Sample.Start);
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (store == "postgres")
            return await StartOnAsync(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(), time, key);
        var folder = store == "memory" ? null : Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        return await StartInAsync(folder, time, key, deleteFolder: true);
    }

    /// <summary>Starts on a PostgreSQL database, which other hosts may share.</summary>
    public static Task<GrainHost> StartOnAsync(string database, ManualTime time, ECDsa signingKey, Action<GrainEngineOptions>? configure = null) =>
        StartAsync(
            options =>
            {
                options.Database = database;
                options.UseDatabaseClock = false;
                configure?.Invoke(options);
            },
            time,
            signingKey,
            folderToDelete: null);

    /// <summary>Starts in a folder that outlives the host.</summary>
    public static Task<GrainHost> StartInAsync(string? dataFolder, ManualTime time, ECDsa signingKey, bool deleteFolder = false) =>
        StartAsync(
            options =>
            {
                options.DataFolder = dataFolder;
                options.UseMemory = dataFolder is null;
            },
            time,
            signingKey,
            deleteFolder ? dataFolder : null);

    private static async Task<GrainHost> StartAsync(Action<GrainEngineOptions> store, ManualTime time, ECDsa signingKey, string? folderToDelete)
    {
        var notifications = new Notifications();
        var collection = new ServiceCollection();
        collection.AddSingleton<TimeProvider>(time);
        collection.AddSingleton<IIdGenerator, RandomIdGenerator>();
        collection.AddSingleton(new AuditSealer(new SecretKey(new byte[32])));
        collection.AddSingleton(new ReviewDigestKey(new SecretKey(new byte[32])));
        collection.AddSingleton(new GrantSigner(signingKey));
        collection.AddSingleton<INotificationQueue>(notifications);
        collection.AddSingleton<SlowObserver>();
        collection.AddSingleton<ICommitObserver>(s => s.GetRequiredService<SlowObserver>());
        collection.AddSingleton<DecisionHub>();
        collection.AddSingleton<ICommitObserver>(s => s.GetRequiredService<DecisionHub>());
        collection.AddSingleton<ICommitNews, ClusterNews>();
        collection.AddSingleton<IOutboxHandler, OutboxDispatcher>();
        collection.AddSingleton<ValueErasure>();
        collection.AddLogging();
        collection.AddSingleton(LeaseTime.Machine);
        collection.AddSingleton(new MailSeal(new SecretKey(new byte[32])));
        collection.AddSingleton<MailBell>();
        collection.AddSingleton<CondemnedGateways>();
        collection.AddSingleton<IInvalidationService, InvalidationService>();
        collection.AddSingleton<CommitTelling>();
        collection.AddSingleton<ICommitNews>(p => p.GetRequiredService<CommitTelling>());
        collection.AddSingleton<IRevocationService, RevocationService>();
        collection.AddGrainEngine(options =>
        {
            store(options);
            options.RoundTripCalls = true;
            options.AddGrain<PrincipalGrain>().AddGrain<ApprovalRequestGrain>().AddGrain<SystemChainGrain>()
                .AddGrain<GatewayGrain>().AddGrain<GatewayDirectoryGrain>().AddGrain<RestrictionsGrain>()
                .AddGrain<SessionsGrain>().AddGrain<ApiKeysGrain>().AddGrain<ApiKeyUsesGrain>().AddGrain<AssertionKeysGrain>().AddGrain<ErasuresGrain>();
        });
        var host = new GrainHost(collection.BuildServiceProvider(validateScopes: true), notifications, time, folderToDelete);
        foreach (var service in host.hosted)
            await service.StartAsync(CancellationToken.None);
        return host;
    }

    /// <summary>Waits until everything that grains tell each other is delivered.</summary>
    public Task SettleAsync() => services.GetRequiredService<IOutboxPump>().WhenIdleAsync().WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>Completes once the host hears what others over its database tell it.</summary>
    public Task ListeningAsync() => services.GetRequiredService<PostgresBus>().Listening;

    /// <summary>How many entries of a type the audit trail has by now.</summary>
    public async Task<int> CountAuditAsync(string type)
    {
        var page = await Audit.QueryAsync(new AuditFilter { Type = type }, limit: PageLimits.Max);
        return ((PageReply<AuditEntry>.Page)page).Items.Length;
    }

    /// <summary>Has the grain's reminder come. Here it comes by itself, as time goes on.</summary>
    public Task RemindAsync(IGrainWithStringKey grain) => SettleAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var service in hosted.Reverse())
            await service.StopAsync(CancellationToken.None);
        await services.DisposeAsync();
        if (folderToDelete is not null)
            Directory.Delete(folderToDelete, recursive: true);
    }
}
