using System.Reflection;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Network;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Silo;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Keys;
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

    /// <summary>For how long calls under allow rules go on without a lease.</summary>
    public static readonly TimeSpan AllowMaxStale = TimeSpan.FromSeconds(8);

    /// <summary>As long as a stop waits for what is being served, and for each service.</summary>
    private static readonly TimeSpan StopWithin = TimeSpan.FromSeconds(30);

    private readonly ServiceProvider services;
    private readonly Lifetime lifetime = new();
    private readonly Dictionary<IHostedService, (CancellationTokenSource Stop, Task Running)> running = [];
    private readonly List<IHostedService> started = [];
    private TaskCompletionSource? served;
    private int serving;

    public Host(World world, SimProcess process, ProcessRole role, StoreLink link, SimBus bus, SimUpstream upstream, SimIssuer issuer, KeyRing keys, Action<string> log, Action<string, Exception> troubled)
    {
        (Process, Link, Bus, Role) = (process, link, bus, role);
        var collection = new ServiceCollection();
        collection.AddLogging(b => b.AddProvider(new Logs(log, troubled)));
        collection.AddSingleton<TimeProvider>(process.Time);
        collection.AddSingleton(new LeaseTime(process.Time));
        collection.AddSingleton<LeaseClock>(new SimLeaseClock(process.Time));
        collection.AddSingleton<IIdGenerator>(new SimIds(world.Dice.Fork()));
        collection.AddSingleton<IHostApplicationLifetime>(lifetime);
        var options = new GatewayOptions { Role = role, AllowMaxStale = AllowMaxStale, Quickstart = false };
        collection.AddSingleton(options);
        collection.AddNetwork(options.Network);
        var silo = new SiloOptions
        {
            Role = role,
            PolicyInStore = true,
            Policy = Path.Combine(AppContext.BaseDirectory, "policy.yaml"),
            Operators = [$"{People.Realm}:operators"],
            Issuers = [new IssuerOptions { Realm = People.Realm, Issuer = SimIssuer.Name, Audiences = ["orders"], ClockSkew = SimIssuer.Skew }],
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
        collection.AddSingleton<IPersonalValues>(store);
        collection.AddSingleton<IDeliveryQueue>(store);
        collection.AddSingleton<IStoreHealth>(store);
        collection.AddSingleton<IPolicyStore>(store);
        collection.AddSingleton<IStoreEpoch>(link);
        collection.AddSingleton<IClusterBus>(bus);
        collection.AddSingleton<ITokenValidator>(p => new TokenValidator(silo.Issuers, _ => issuer.DocumentsFor(process), process.Time, p.GetRequiredService<ILogger<TokenValidator>>(), null) { Keys = p.GetRequiredService<ApiKeys>() });
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
            started.Add(service);
            if (service is BackgroundService background)
                await Start(background, failed);
            else
                await service.StartAsync(CancellationToken.None);
        }

        IsUp = true;
    }

    /// <summary>Asks it for something over the network: a call, or a command. It takes none once a stop has begun.</summary>
    public Task<T> Serve<T>(Func<Task<T>> work) => Process.Call(async () =>
    {
        if (lifetime.IsStopping)
            throw new ConnectionLostException(Process.Name);
        serving++;
        try
        {
            return await work();
        }
        finally
        {
            if (--serving == 0)
                served?.TrySetResult();
        }
    });

    /// <summary>Stops it as its host does: nothing new is taken, what is being served ends, then one service after the other, the last first.</summary>
    public async Task Stop()
    {
        IsUp = false;
        served = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await lifetime.Stop();
        if (serving > 0)
            await Task.WhenAny(served.Task, Process.Pause(StopWithin));
        using var late = new CancellationTokenSource(StopWithin, Process.Time);
        foreach (var service in Enumerable.Reverse(started))
        {
            try
            {
                if (running.TryGetValue(service, out var loop))
                {
                    await loop.Stop.CancelAsync();
                    await Task.WhenAny(loop.Running, Process.Pause(StopWithin));
                }

                await service.StopAsync(late.Token);
            }
            catch (OperationCanceledException) when (late.IsCancellationRequested)
            {
                // The host goes on to the next.
            }
        }
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
        var stop = new CancellationTokenSource();
        var loop = (Task)Execute.Invoke(background, [stop.Token])!;
        running[background] = (stop, loop);
        Watch(loop);

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

        async void Watch(Task ends)
        {
            try
            {
                await ends;
            }
            catch (OperationCanceledException) when (lifetime.IsStopping)
            {
                // As it should be.
            }
            catch (Exception e)
            {
                failed(e);
            }
        }
    }

    /// <summary>Tells services that a stop has begun.</summary>
    private sealed class Lifetime : IHostApplicationLifetime
    {
        private readonly CancellationTokenSource stopping = new();

        public bool IsStopping => stopping.IsCancellationRequested;

        public CancellationToken ApplicationStarted => CancellationToken.None;

        public CancellationToken ApplicationStopping => stopping.Token;

        public CancellationToken ApplicationStopped => CancellationToken.None;

        public Task Stop() => stopping.CancelAsync();

        public void StopApplication()
        {
        }
    }

    /// <summary>Hands on what is logged to whoever reads it, and every exception to the checker.</summary>
    private sealed class Logs(Action<string> log, Action<string, Exception> troubled) : ILoggerProvider, ILogger
    {
        private string category = "";

        public ILogger CreateLogger(string categoryName) => new Logs(log, troubled) { category = categoryName[(categoryName.LastIndexOf('.') + 1)..] };

        public void Dispose()
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            log($"{category}: {formatter(state, exception)}{(exception is null ? "" : $" [{exception.GetType().Name}: {exception.Message}]")}");
            if (exception is not null && logLevel >= LogLevel.Warning)
                troubled($"{category}: {formatter(state, exception)}", exception);
        }
    }
}
