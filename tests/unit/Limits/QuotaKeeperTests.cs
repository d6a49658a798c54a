using System.Diagnostics.Metrics;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.Quotas;
using JitGrains.Runtime;
using JitGrains.Silo;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Telemetry;
using JitGrains.TestSupport;
using JitGrains.UnitTests.Policy;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace JitGrains.UnitTests.Limits;

/// <summary>What a process does with its parts while the store answers, and while it does not.</summary>
public sealed class QuotaKeeperTests : IGrainFactory, IQuotaGrain, IPolicyProvider, IDisposable
{
    private readonly ManualTime time = new();
    private readonly ServiceProvider services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly Limiting limiting;
    private readonly QuotaKeeper keeper;
    private readonly List<string> returned = [];
    private QuotaLease? leases = new(60, 4);

    public QuotaKeeperTests()
    {
        limiting = new Limiting(this, new SiloOptions(), new LimitMetrics(services.GetRequiredService<IMeterFactory>()), time);
        keeper = new QuotaKeeper(limiting, this, this, new RandomIdGenerator(), new SiloOptions(), time, NullLogger<QuotaKeeper>.Instance);
    }

    public event EventHandler<PolicyChangedEventArgs>? Changed;

    public CompiledPolicy Current { get; private set; } = PolicyWith("l: {shared: true, window: {most: 100, within: 1h}}");

    public PolicyStatus Status => throw new NotSupportedException();

    private int Held => Assert.Single(limiting.For(Current).All).Held;

    [Fact]
    public async Task A_part_is_there_before_the_first_call_and_goes_back_at_the_end()
    {
        Assert.Equal(QuotaMachine.Least(100), Held);
        await keeper.StartAsync(default);
        Assert.Equal(60, Held);
        leases = new QuotaLease(30, 4);
        await keeper.Renew();
        Assert.Equal(30, Held);
        await keeper.StopAsync(default);
        Assert.Equal(["l"], returned);
    }

    [Fact]
    public async Task Without_the_store_the_part_is_used_on_and_later_no_more_than_an_even_share()
    {
        await keeper.Renew();
        leases = null;
        await keeper.Renew();
        Assert.Equal(60, Held);
        time.Advance(TimeSpan.FromSeconds(9.9));
        await keeper.Renew();
        Assert.Equal(60, Held);
        time.Advance(TimeSpan.FromSeconds(0.1));
        await keeper.Renew();
        Assert.Equal(25, Held);
        leases = new QuotaLease(70, 2);
        await keeper.Renew();
        Assert.Equal(70, Held);
    }

    [Fact]
    public async Task A_reload_keeps_the_part_of_a_limit_that_stays_and_returns_that_of_one_that_goes()
    {
        await keeper.Renew();
        leases = null;
        Current = PolicyWith("l: {shared: true, apis: [a], window: {most: 100, within: 1h}}");
        Changed?.Invoke(this, new PolicyChangedEventArgs(Current));
        Assert.Equal(60, Held);
        Current = PolicyWith("other: {window: {most: 100, within: 1h}}");
        Assert.Equal(100, Held);
        await keeper.Renew();
        Assert.Equal(["l"], returned);
    }

    public T GetGrain<T>(string primaryKey)
        where T : IGrainWithStringKey => (T)(object)this;

    public Task<Reply<QuotaLease>> Lease(LeaseQuota command) =>
        leases is null ? Task.FromException<Reply<QuotaLease>>(new IOException("no store")) : Task.FromResult<Reply<QuotaLease>>(leases);

    public Task<Reply<Done>> Return(ReturnQuota command)
    {
        returned.Add("l");
        return Task.FromResult<Reply<Done>>(Done.Instance);
    }

    public Task<QuotaView> Get() => throw new NotSupportedException();

    public void Dispose()
    {
        keeper.Dispose();
        services.Dispose();
    }

    internal static CompiledPolicy PolicyWith(string limit) => Given.Policy("""
        version: 1
        realm: dev
        apis: {a: {upstreams: ["http://127.0.0.1:1"], actions: {a.read: {methods: [GET], path: "/a"}}}}
        rules: [{name: all, who: {anyone: true}, actions: {names: ["*"]}, effect: allow}]
        limits:
          $LIMIT

        """.Replace("$LIMIT", limit, StringComparison.Ordinal));
}
