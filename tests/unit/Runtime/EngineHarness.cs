using System.Collections.Concurrent;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace JitGrains.UnitTests.Runtime;

/// <summary>An engine with test grains on one of the stores.</summary>
internal sealed class EngineHarness : IAsyncDisposable, IOutboxHandler
{
    private readonly ServiceProvider services;
    private readonly TempFolder? ownFolder;
    private readonly CancellationTokenSource stopping = new();
    private IHostedService[] running = [];

    private EngineHarness(
        string store, string? folder, ManualTime? time, Action<GrainEngineOptions>? configure, Action<IServiceCollection>? add, string? database)
    {
        Time = time ?? new ManualTime();
        if (store == "sqlite" && folder is null)
            ownFolder = new TempFolder();
        Folder = folder ?? ownFolder?.Path;
        Database = store == "postgres" ? database ?? NewDatabase() : null;
        var collection = new ServiceCollection();
        collection.AddSingleton<TimeProvider>(Time);
        collection.AddSingleton(Log);
        collection.AddSingleton<IOutboxHandler>(this);
        collection.AddGrainEngine(options =>
        {
            options.AddGrain<TallyGrain>();
            options.UseMemory = store == "memory";
            options.DataFolder = Folder;
            options.Database = Database;
            options.UseDatabaseClock = false;
            configure?.Invoke(options);
        });
        add?.Invoke(collection);
        services = collection.BuildServiceProvider(new ServiceProviderOptions { ValidateOnBuild = true, ValidateScopes = true });
    }

    public static TheoryData<string> Stores { get; } = ["memory", "sqlite", "postgres"];

    public ManualTime Time { get; }

    public TallyLog Log { get; } = new();

    public string? Folder { get; }

    /// <summary>On PostgreSQL, its connection string; other engines may share it.</summary>
    public string? Database { get; }

    /// <summary>What the outbox delivered, in order.</summary>
    public ConcurrentQueue<(GrainId Source, long Sequence, OutboxMessage Message)> Delivered { get; } = [];

    /// <summary>Called before a delivery counts; may throw.</summary>
    public Func<GrainId, OutboxRecord, Task>? OnDeliver { get; set; }

    /// <summary>Which messages are urgent; none where it is not set.</summary>
    public Predicate<OutboxMessage>? Urgent { get; set; }

    /// <summary>Whose turn takes an urgent message; nobody's where it is not set.</summary>
    public Func<OutboxMessage, GrainId?>? Taker { get; set; }

    /// <summary>Cancelled by <see cref="Stop"/>.</summary>
    public CancellationToken Stopping => stopping.Token;

    public IGrainStore Store => services.GetRequiredService<IGrainStore>();

    public IReadModel Views => services.GetRequiredService<IReadModel>();

    public IAuditStore Audit => services.GetRequiredService<IAuditStore>();

    public OutboxPump Pump => services.GetRequiredService<OutboxPump>();

    public ReminderService Reminders => services.GetRequiredService<ReminderService>();

    public static EngineHarness Create(
        string store,
        string? folder = null,
        ManualTime? time = null,
        Action<GrainEngineOptions>? configure = null,
        Action<IServiceCollection>? add = null,
        string? database = null) =>
        new(store, folder, time, configure, add, database);

    public static async Task<EngineHarness> StartAsync(
        string store,
        string? folder = null,
        ManualTime? time = null,
        Action<GrainEngineOptions>? configure = null,
        Action<IServiceCollection>? add = null,
        string? database = null)
    {
        var harness = new EngineHarness(store, folder, time, configure, add, database);
        await harness.StartServicesAsync();
        return harness;
    }

    public async Task StartServicesAsync()
    {
        running = [.. services.GetServices<IHostedService>()];
        foreach (var service in running)
            await service.StartAsync(CancellationToken.None);
        // Once it listens, the bus has everybody look again: later, that would come in between of what a test counts.
        if (services.GetRequiredService<IClusterBus>() is PostgresBus bus)
            await bus.Listening.WaitAsync(TimeSpan.FromSeconds(60));
    }

    /// <summary>Tells the services to stop, and then cuts off what test code does in them.</summary>
    public void Stop()
    {
        foreach (var service in running)
            _ = service.StopAsync(CancellationToken.None);
        stopping.Cancel();
    }

    public T Get<T>() where T : notnull => services.GetRequiredService<T>();

    public ITallyGrain Tally(string key) => Get<IGrainFactory>().GetGrain<ITallyGrain>(key);

    public bool IsUrgent(GrainId source, OutboxMessage message) => Urgent?.Invoke(message) == true;

    public GrainId? TakerOf(GrainId source, OutboxMessage message) => Taker?.Invoke(message);

    public async Task HandleAsync(GrainId source, OutboxRecord record, CancellationToken cancellationToken)
    {
        if (OnDeliver is { } deliver)
            await deliver(source, record);
        Delivered.Enqueue((source, record.Sequence, record.Message));
    }

    // On a thread of its own: the tests' threads are few, and each may be here.
    private static string NewDatabase() =>
        Task.Run(async () => await (await PostgresServer.SharedAsync()).CreateDatabaseAsync()).GetAwaiter().GetResult();

    public async ValueTask DisposeAsync()
    {
        foreach (var service in running.Reverse())
            await service.StopAsync(CancellationToken.None);
        await services.DisposeAsync();
        ownFolder?.Dispose();
    }
}

/// <summary>A folder of its own, gone after the test. Not created by itself.</summary>
internal sealed class TempFolder : IDisposable
{
    private readonly DirectoryInfo parent = Directory.CreateTempSubdirectory("jitgrains-test-");

    public string Path => System.IO.Path.Combine(parent.FullName, "data");

    public void Dispose() => parent.Delete(recursive: true);
}
