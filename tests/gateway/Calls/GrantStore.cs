using System.Reflection;
using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.GatewayTests.Leases;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.Restrictions;
using JitGrains.Silo.Revocation;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using System.Security.Cryptography;

namespace JitGrains.GatewayTests.Calls;

/// <summary>A gateway's memory of grants over a store that is a function.</summary>
internal sealed class GrantStore : IGrainFactory, IDisposable
{
    private readonly ServiceProvider services;
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ExecutionRegistry registry;

    public GrantStore(GatewayOptions options)
    {
        services = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().BuildServiceProvider();
        Signer = new GrantSigner(key);
        var metrics = services.GetRequiredService<GatewayMetrics>();
        var clock = new MachineLeaseClock();
        Views = new GrantViews(this, Signer.Verifier, new StoreGuard(options, metrics, TimeProvider.System), options, metrics, NullLogger<GrantViews>.Instance);
        registry = new ExecutionRegistry(Views, new GatewayLease(clock, new AlwaysHealthy(), options), LeaseTime.Machine);
        Restrictions = new RestrictionsCopy(this, registry);
        Choice = new GrantChoice(Restrictions, Epoch, new StoreTime(clock, Time));
    }

    public GrantSigner Signer { get; }

    public ManualTime Time { get; } = new(Sample.Start);

    public HandEpoch Epoch { get; } = new();

    public GrantViews Views { get; }

    public RestrictionsCopy Restrictions { get; }

    public GrantChoice Choice { get; }

    /// <summary>What is read for a caller.</summary>
    public Func<string, Task<PrincipalView>> Read { get; set; } = _ => Task.FromResult(new PrincipalView(1, []));

    /// <summary>Has the gateway know these restrictions.</summary>
    public async Task Restrict(RestrictionsView view)
    {
        restricted = view;
        await Restrictions.ApplyAsync(new Invalidation.Everything(), CancellationToken.None);
    }

    private RestrictionsView restricted = RestrictionsView.None;

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey)
        where TGrainInterface : IGrainWithStringKey
    {
        var grain = DispatchProxy.Create<TGrainInterface, Answering>();
        ((Answering)(object)grain).Answer = () => typeof(TGrainInterface) == typeof(IPrincipalGrain) ? Read(primaryKey) : Task.FromResult(restricted);
        return grain;
    }

    public void Dispose()
    {
        registry.Dispose();
        services.Dispose();
        key.Dispose();
    }

    /// <summary>A grain that is only asked for what it shows.</summary>
    internal class Answering : DispatchProxy
    {
        public Func<object> Answer { get; set; } = () => throw new NotSupportedException();

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Answer();
    }
}
