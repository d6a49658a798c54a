using System.Reflection;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Network;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Revocation;
using JitGrains.Silo.Secrets;
using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;
using Microsoft.Extensions.DependencyInjection;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.Simulation.Cluster;

/// <summary>
/// One run of a gateway or a silo: the product's own services, all of them, as its host registers them. In place of the edges
/// (store, bus, clocks, ids, tokens, the HTTP stack) there are the simulation's.
/// </summary>
internal sealed class Host
{
    /// <summary>What is not about the cluster: exporting telemetry, YARP's clusters, files of addresses, the machine's load, webhooks.</summary>
    private static readonly HashSet<string> LeftOut = ["TelemetryExport", "PolicyClusters", "AddressTables", "LoadShedder", "WebhookSender"];

    private static readonly MethodInfo Execute = typeof(BackgroundService).GetMethod("ExecuteAsync", BindingFlags.Instance | BindingFlags.NonPublic)!;

    private readonly ServiceProvider services;
    private readonly CancellationTokenSource stop = new();

    public Host(World world, SimProcess process, ProcessRole role, StoreLink link, SimBus bus, SimUpstream upstream, KeyRing keys, Action<string>? log, Action<string, Exception> troubled)
    {
        (Process, Link, Bus, Role) = (process, link, bus, role);
        var collection = new ServiceCollection();
        collection.AddLogging(b => b.AddProvider(new Logs(log, troubled)));
        collection.AddSingleton<TimeProvider>(process.Time);
        collection.AddSingleton(new LeaseTime(process.Time));
        collection.AddSingleton<LeaseClock>(new SimLeaseClock(process.Time));
        collection.AddSingleton<IIdGenerator>(new SimIds(world.Dice.Fork()));
        collection.AddSingleton<IHostApplicationLifetime, Lifetime>();
        var options = new GatewayOptions { Role = role, AllowMaxStale = TimeSpan.FromSeconds(8), Quickstart = false };
        collection.AddSingleton(options);
        collection.AddNetwork(options.Network);
        var silo = new SiloOptions
        {
            Role = role,
            PolicyInStore = true,
            Policy = Path.Combine(AppContext.BaseDirectory, "policy.yaml"),
            Operators = [$"{People.Realm}:operators"],
            Issuers = [new IssuerOptions { Realm = People.Realm, Issuer = "https://issuer.example.com", Audiences = ["orders"] }],
        };
        GrainEngineOptions? chosen = null;
        void Engine(GrainEngineOptions engine)
        {
            engine.UseMemory = true;
            engine.RoundTripCalls = true;
            chosen = engine;
        }

        if (role.RunsSilo())
            collection.AddSilo(silo, keys, Engine);
        else
            collection.AddShared(silo, keys.ForGateways, Engine);
        // Checked by then: with the memory store alone there would be nobody else to do it.
        chosen!.RunsOutbox = chosen.RunsReminders = role.RunsSilo();
        if (role.RunsGateway())
        {
            collection.AddGateway(options, null);
            collection.AddSingleton<GatewayPipeline>();
            collection.AddSingleton<IHttpForwarder>(new SimForwarder(world, process, upstream));
            collection.AddSingleton<IProxyStateLookup, SimClusters>();
        }

        var store = new SimStore(link);
        collection.AddSingleton<IGrainStore>(store);
        collection.AddSingleton<IReadModel>(store);
        collection.AddSingleton<IAuditStore>(store);
        collection.AddSingleton<IDeliveryQueue>(store);
        collection.AddSingleton<IStoreHealth>(store);
        collection.AddSingleton<IPolicyStore>(store);
        collection.AddSingleton<IStoreEpoch>(link);
        collection.AddSingleton<IClusterBus>(bus);
        collection.AddSingleton<ITokenValidator, SimTokens>();
        services = collection.BuildServiceProvider();
    }

    public SimProcess Process { get; }

    public StoreLink Link { get; }

    public SimBus Bus { get; }

    public ProcessRole Role { get; }

    /// <summary>Whether it has started, and answers.</summary>
    public bool IsUp { get; private set; }

    public T Get<T>()
        where T : notnull => services.GetRequiredService<T>();

    public object? Find(Type type) => services.GetService(type);

    /// <summary>Starts it as its host would: one service after the other. To be called in its own context.</summary>
    public async Task Start(Action<Exception> failed)
    {
        foreach (var service in services.GetServices<IHostedService>())
        {
            if (LeftOut.Contains(service.GetType().Name))
                continue;
            if (service is BackgroundService background)
                await Start(background, failed);
            else
                await service.StartAsync(CancellationToken.None);
        }

        IsUp = true;
    }

    /// <summary>What the process leaves with the framework: its meters.</summary>
    public void Forget()
    {
        if (services.GetService<IMeterFactory>() is { } meters)
            meters.Dispose();
    }

    /// <summary>
    /// A background service's base sends what it does to the pool, where nobody's crash would reach it: that is called off
    /// before it began, and done here instead.
    /// </summary>
    private async Task Start(BackgroundService background, Action<Exception> failed)
    {
        using var notThere = new CancellationTokenSource();
        var starting = background.StartAsync(notThere.Token);
        if (!starting.IsCompleted)
            await starting;
        notThere.Cancel();
        await starting;
        CalledOff(background.ExecuteTask ?? Task.FromCanceled(notThere.Token));
        Watch((Task)Execute.Invoke(background, [stop.Token])!);

        async void CalledOff(Task elsewhere)
        {
            try
            {
                await elsewhere;
                failed(new InvalidOperationException($"{background.GetType().Name} went to the pool"));
            }
            catch (OperationCanceledException)
            {
                // As it should be.
            }
        }

        async void Watch(Task running)
        {
            try
            {
                await running;
            }
            catch (Exception e)
            {
                failed(e);
            }
        }
    }

    /// <summary>A simulated process does not stop in order.</summary>
    private sealed class Lifetime : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => CancellationToken.None;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public void StopApplication()
        {
        }
    }

    /// <summary>Hands on what is logged to whoever reads it, and every exception to the checker.</summary>
    private sealed class Logs(Action<string>? log, Action<string, Exception> troubled) : ILoggerProvider, ILogger
    {
        private string category = "";

        public ILogger CreateLogger(string categoryName) => new Logs(log, troubled) { category = categoryName[(categoryName.LastIndexOf('.') + 1)..] };

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= (log is null ? LogLevel.Warning : LogLevel.Information);

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            log?.Invoke($"{category}: {formatter(state, exception)}{(exception is null ? "" : $" [{exception.GetType().Name}: {exception.Message}]")}");
            if (exception is not null && logLevel >= LogLevel.Warning)
                troubled($"{category}: {formatter(state, exception)}", exception);
        }
    }
}
