using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Security.Cryptography;
using JitGrains.Audit;
using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.Gateways;
using JitGrains.GatewayTests.Support;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.Silo.Revocation;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.GatewayTests.Leases;

/// <summary>One store, one silo's revocation service, and as many gateways' leases, views and executions as wanted.</summary>
internal sealed class LeaseCluster : IAsyncDisposable
{
    private readonly GrantSigner signer = new(ECDsa.Create(ECCurve.NamedCurves.nistP256));
    private readonly ServiceProvider services;
    private readonly List<LeaseNode> nodes = [];
    private readonly Records records = new();
    private int grants;

    /// <param name="silosLeaseTime">The time by which the silo watches and waits out leases; the machine's, with patience, where none is given.</param>
    /// <param name="shared">Whether other processes may write the store.</param>
    /// <param name="lost">The topic whose messages the bus loses.</param>
    public LeaseCluster(TimeProvider? silosLeaseTime = null, bool shared = true, string? lost = null)
    {
        var collection = new ServiceCollection();
        collection.AddLogging();
        collection.AddMetrics();
        collection.AddSingleton<TimeProvider>(Time);
        collection.AddSingleton<IIdGenerator, RandomIdGenerator>();
        collection.AddSingleton(new AuditSealer(new SecretKey(new byte[32])));
        collection.AddSingleton<IOutboxHandler>(records);
        collection.AddSingleton(new LeaseTime(silosLeaseTime ?? new PatientTime()));
        collection.AddSingleton(new MailSeal(new SecretKey(new byte[32])));
        collection.AddSingleton<MailBell>();
        collection.AddSingleton<CondemnedGateways>();
        collection.AddSingleton<IInvalidationService, InvalidationService>();
        collection.AddSingleton<CommitTelling>();
        collection.AddSingleton<ICommitNews>(p => p.GetRequiredService<CommitTelling>());
        collection.AddSingleton<IRevocationService, RevocationService>();
        collection.AddSingleton<GatewayReaper>();
        collection.AddSingleton<GatewayMetrics>();
        collection.AddGrainEngine(options =>
        {
            options.UseMemory = true;
            options.RoundTripCalls = true;
            options.AddGrain<PrincipalGrain>().AddGrain<GatewayGrain>().AddGrain<GatewayDirectoryGrain>().AddGrain<RestrictionsGrain>();
        });
        if (shared)
            collection.AddSingleton<IStoreEpoch>(Epoch);
        if (lost is not null)
            collection.AddSingleton<IClusterBus>(new LossyBus(lost));
        services = collection.BuildServiceProvider();
    }

    public HandEpoch Epoch { get; } = new();

    public ManualTime Time { get; } = new(Sample.Start);

    public IClusterBus Bus => services.GetRequiredService<IClusterBus>();

    public IGrainFactory Grains => services.GetRequiredService<IGrainFactory>();

    /// <summary>Has the engine deliver what grains send.</summary>
    public async Task Deliver()
    {
        foreach (var service in services.GetServices<IHostedService>())
            await service.StartAsync(CancellationToken.None);
    }

    public IAuditStore Audit => services.GetRequiredService<IAuditStore>();

    /// <summary>The chains that the system chain was told of.</summary>
    public IReadOnlyCollection<string> Announced => records.Chains;

    public IReadModel ReadModel => services.GetRequiredService<IReadModel>();

    public IRevocationService Revocation => services.GetRequiredService<IRevocationService>();

    public IInvalidationService Invalidation => services.GetRequiredService<IInvalidationService>();

    public GatewayReaper Reaper => services.GetRequiredService<GatewayReaper>();

    public IGatewayDirectoryGrain Directory => Grains.GetGrain<IGatewayDirectoryGrain>(IGatewayDirectoryGrain.Key);

    public IGatewayGrain Gateway(string incarnation) => Grains.GetGrain<IGatewayGrain>(incarnation);

    /// <summary>A gateway that keeps its lease by the machine's time, or by these clocks.</summary>
    public async Task<LeaseNode> Join(LeaseClock? clock = null, IInvalidationTarget? further = null, GatewayOptions? options = null)
    {
        var node = new LeaseNode(services, signer.Verifier, clock ?? new MachineLeaseClock(), further, options ?? new GatewayOptions());
        lock (nodes)
            nodes.Add(node);
        await node.Start();
        return node;
    }

    /// <summary>An incarnation that holds a lease and reads nothing.</summary>
    public async Task<string> JoinSilently(string process = "gw_silent")
    {
        var incarnation = services.GetRequiredService<IIdGenerator>().NewIncarnationId();
        await Directory.Add(new GatewayEntry(incarnation, process, "silent"));
        Assert.NotNull((await Gateway(incarnation).Open(new OpenLease(process, "silent", TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(30), null))).Value);
        return incarnation;
    }

    /// <summary>A many-use grant of alice's.</summary>
    public async Task<Grant> Grant(int? uses = null)
    {
        var grant = signer.Sign(Sample.Grant(Interlocked.Increment(ref grants), uses) with { Epoch = "1", Binding = BindingKind.Resource, NotBefore = Time.GetUtcNow(), ExpiresAt = Time.GetUtcNow().AddHours(1) });
        Assert.NotNull((await Grains.GetGrain<IPrincipalGrain>(grant.CallerKey).IssueGrant(grant)).Value);
        // As the news of it does.
        lock (nodes)
            nodes.ForEach(n => n.Views.Drop(grant.CallerKey));
        return grant;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes)
            await node.DisposeAsync();
        foreach (var service in services.GetServices<IHostedService>())
            await service.StopAsync(CancellationToken.None);
        await services.DisposeAsync();
    }

    /// <summary>Delivers nothing, and notes what the system chain is told of chains.</summary>
    private sealed class Records : IOutboxHandler
    {
        public ConcurrentQueue<string> Chains { get; } = new();

        public Task HandleAsync(GrainId source, OutboxRecord record, CancellationToken cancellationToken)
        {
            if (record.Message is OutboxMessage.RecordInSystemChain { Record: { Type: AuditTypes.ChainOpened } opened })
                Chains.Enqueue(opened.Fields[0].Value);
            return Task.CompletedTask;
        }
    }
}

/// <summary>Loses one topic's messages, and is within the process otherwise.</summary>
internal sealed class LossyBus(string lost) : IClusterBus
{
    private readonly ConcurrentDictionary<Subscription, Action<BusMessage>> handlers = new();

    public event EventHandler? Resumed
    {
        add { }
        remove { }
    }

    public string Address => "";

    public void Publish(BusMessage message)
    {
        foreach (var (subscription, handler) in handlers)
        {
            if (subscription.Topic == message.Topic && message.Topic != lost)
                handler(message);
        }
    }

    public IDisposable Subscribe(string topic, Action<BusMessage> handler)
    {
        var subscription = new Subscription(this, topic);
        handlers[subscription] = handler;
        return subscription;
    }

    private sealed class Subscription(LossyBus bus, string topic) : IDisposable
    {
        public string Topic => topic;

        public void Dispose() => bus.handlers.TryRemove(this, out _);
    }
}

/// <summary>A shared store's epoch, ended by hand.</summary>
internal sealed class HandEpoch : IStoreEpoch
{
    private int number = 1;

    public event EventHandler? Changed;

    public string Current => Volatile.Read(ref number).ToString();

    public void Next()
    {
        Interlocked.Increment(ref number);
        Changed?.Invoke(this, EventArgs.Empty);
    }
}

/// <summary>A read model that fails some times.</summary>
internal class FailingReadModel : DispatchProxy
{
    public int Failures;

    public IReadModel Inner { get; set; } = null!;

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        Interlocked.Decrement(ref Failures) >= 0 ? throw new StoreUnavailableException("busy") : targetMethod!.Invoke(Inner, args);
}

/// <summary>What of a gateway matters to revocation.</summary>
internal sealed class LeaseNode : IAsyncDisposable
{
    private readonly LeaseKeeper keeper;
    private readonly GatewayJournal journal;
    private readonly FailingReadModel lookUps;
    private bool stopped;

    public LeaseNode(IServiceProvider shared, GrantVerifier verifier, LeaseClock clock, IInvalidationTarget? further, GatewayOptions options)
    {
        var grains = shared.GetRequiredService<IGrainFactory>();
        var ids = shared.GetRequiredService<IIdGenerator>();
        var metrics = shared.GetRequiredService<GatewayMetrics>();
        var process = new Incarnation(ids.NewIncarnationId());
        Process = process.Id;
        Lease = new GatewayLease(clock, new AlwaysHealthy(), options);
        Views = new GrantViews(grains, verifier, new StoreGuard(options, metrics, LeaseTime.Machine.Provider), options, metrics, NullLogger<GrantViews>.Instance);
        Registry = new ExecutionRegistry(Views, Lease, LeaseTime.Machine);
        Restrictions = new RestrictionsCopy(grains, Registry);
        var outcomes = new OutcomeRecorder(grains, TimeProvider.System, NullLogger<OutcomeRecorder>.Instance);
        journal = new GatewayJournal(
            process, shared.GetRequiredService<IAuditStore>(), shared.GetRequiredService<IStoreEpoch>(), shared.GetRequiredService<AuditSealer>(), options, metrics, TimeProvider.System, NullLogger<GatewayJournal>.Instance);
        IInvalidationTarget[] targets = further is null ? [Registry, Restrictions] : [Registry, Restrictions, further];
        var bus = shared.GetRequiredService<IClusterBus>();
        var bell = shared.GetRequiredService<MailBell>();
        var failing = DispatchProxy.Create<IReadModel, FailingReadModel>();
        lookUps = (FailingReadModel)(object)failing;
        lookUps.Inner = shared.GetRequiredService<IReadModel>();
        keeper = new LeaseKeeper(
            grains,
            failing,
            bus,
            shared.GetRequiredService<IStoreEpoch>(),
            Lease,
            new LeaseMail(grains, bell, targets, options, LeaseTime.Machine, NullLogger<LeaseMail>.Instance),
            bell,
            new FormerIncarnations(grains, Registry, outcomes),
            Registry,
            Views,
            journal,
            process,
            ids,
            options,
            clock,
            new StoreTime(clock, TimeProvider.System),
            LeaseTime.Machine,
            metrics,
            Told);
    }

    public string Process { get; }

    /// <summary>What its log says of its lease.</summary>
    public NotedLog<LeaseKeeper> Told { get; } = new();

    public GatewayLease Lease { get; }

    public GrantViews Views { get; }

    public ExecutionRegistry Registry { get; }

    public RestrictionsCopy Restrictions { get; }

    /// <summary>Has the next looks into the read model fail.</summary>
    public void FailLookUps(int times) => Volatile.Write(ref lookUps.Failures, times);

    public Task Start() => keeper.StartAsync(CancellationToken.None);

    /// <summary>Starts an execution as the request path does; when its first byte went out, or null where it did not.</summary>
    public async Task<long?> Run(Grant wanted, Func<Task>? beforeTheGate = null)
    {
        if (!Lease.IsLive)
            return null;
        var caller = ExecutionTests.Alice;
        var snapshot = await Views.Get(caller);
        if (snapshot.All().FirstOrDefault(g => g.Id == wanted.Id) is not { } grant)
            return null;
        using var execution = Registry.Register(caller, grant, drain: false);
        if (!snapshot.IsCurrent)
            return null;
        if (beforeTheGate is not null)
            await beforeTheGate();
        if (!execution.TryStart() || Restrictions.Current.IsBlocked(caller) || Restrictions.Current.IsRevoked(grant) || !Lease.IsLive)
            return null;
        var at = Stopwatch.GetTimestamp();
        execution.Started();
        return at;
    }

    public async Task Stop()
    {
        if (stopped)
            return;
        stopped = true;
        await keeper.StopAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await Stop();
        keeper.Dispose();
        journal.Dispose();
    }
}
