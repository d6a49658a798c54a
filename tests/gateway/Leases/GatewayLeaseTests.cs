using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Leases;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Leases;

/// <summary>The arithmetic of a lease: from before the renewal was sent, by the clock that says longer, and never back to life.</summary>
public sealed class GatewayLeaseTests
{
    private readonly HandClock clock = new();
    private readonly GatewayLease lease;

    public GatewayLeaseTests()
    {
        lease = new GatewayLease(clock, new AlwaysHealthy(), new GatewayOptions());
    }

    [Fact]
    public void Without_a_lease_nothing_starts()
    {
        Assert.False(lease.IsLive);
        Assert.False(lease.MayAllow);
        Assert.Equal(TimeSpan.Zero, lease.Left);
    }

    [Theory]
    [InlineData(-300, 0)]
    [InlineData(0, 0)]
    [InlineData(300, 300)]
    public void Grants_end_by_the_later_of_two_clocks(double ownIsAhead, double expectedAhead)
    {
        var own = new ManualTime();
        var store = own.GetUtcNow();
        own.Step(TimeSpan.FromSeconds(ownIsAhead));
        var time = new StoreTime(clock, own);
        Assert.Equal(own.GetUtcNow(), time.GetUtcNow());
        var sent = clock.Now;
        Pass(2);
        own.Step(TimeSpan.FromSeconds(2));
        // Known two seconds after it was asked for: it may be that late already.
        time.Tell(store, sent);
        Pass(5);
        own.Step(TimeSpan.FromSeconds(5));
        Assert.Equal(store.AddSeconds(7 + expectedAhead), time.GetUtcNow());
        // Whatever the wall clock is set to then.
        own.Step(TimeSpan.FromSeconds(-3600));
        Assert.Equal(store.AddSeconds(7), time.GetUtcNow());
    }

    public static TheoryData<double, double, bool, bool> Passing => new()
    {
        // seconds by the monotonic clock, seconds by the wall clock; live, allow rules
        { 4.999, 4.999, true, true },
        { 5, 5, false, true },
        { 0.5, 600, false, false },
        { 4.9, -3600, true, true },
        { 5, -3600, false, true },
        { 34.999, 34.999, false, true },
        { 35, 0, false, false },
        { 0, 35, false, false },
    };

    [Theory]
    [MemberData(nameof(Passing))]
    public void The_clock_that_says_longer_counts(double monotonic, double wall, bool live, bool allow)
    {
        Assert.True(lease.Begin("gw_1", clock.Now));
        clock.Move(TimeSpan.FromSeconds(monotonic), TimeSpan.FromSeconds(wall));
        Assert.Equal(live, lease.IsLive);
        Assert.Equal(allow, lease.MayAllow);
    }

    [Fact]
    public void It_counts_from_before_the_renewal_was_sent()
    {
        lease.Begin("gw_1", clock.Now);
        Pass(3);
        var sent = clock.Now;
        Pass(1.5);
        Assert.True(lease.Renew(sent));
        Pass(3.4);
        Assert.True(lease.IsLive);
        Pass(0.1);
        Assert.False(lease.IsLive);
    }

    [Fact]
    public void A_renewal_whose_answer_came_after_the_end_does_not_count()
    {
        lease.Begin("gw_1", clock.Now);
        Pass(4);
        var sent = clock.Now;
        Pass(1);
        Assert.False(lease.Renew(sent));
        Assert.False(lease.IsLive);
    }

    [Fact]
    public void A_lease_found_over_stays_over_though_the_wall_clock_is_set_back()
    {
        lease.Begin("gw_1", clock.Now);
        clock.Move(TimeSpan.Zero, TimeSpan.FromMinutes(10));
        Assert.False(lease.IsLive);
        clock.Move(TimeSpan.Zero, TimeSpan.FromMinutes(-10));
        Assert.False(lease.IsLive);
        Assert.False(lease.Renew(clock.Now));
        Assert.True(lease.Begin("gw_2", clock.Now));
        Assert.True(lease.IsLive);
        Assert.Equal("gw_2", lease.Incarnation);
    }

    [Fact]
    public void A_registration_that_took_longer_than_the_lease_begins_none()
    {
        var sent = clock.Now;
        Pass(5);
        Assert.False(lease.Begin("gw_1", sent));
        Assert.False(lease.IsLive);
        Assert.False(lease.MayAllow);
    }

    [Fact]
    public void Given_up_it_ends_at_once_and_allow_rules_go_on()
    {
        lease.Begin("gw_1", clock.Now);
        lease.End();
        Assert.False(lease.IsLive);
        Assert.True(lease.MayAllow);
        Assert.False(lease.Renew(clock.Now));
    }

    [Fact]
    public void The_machines_clocks_move_on()
    {
        var machine = new MachineLeaseClock();
        var then = machine.Now;
        Assert.True(then.Monotonic > TimeSpan.Zero);
        Assert.True(machine.Since(then) >= TimeSpan.Zero);
        Assert.True(machine.Now.Monotonic >= then.Monotonic);
    }

    private void Pass(double seconds) => clock.Move(TimeSpan.FromSeconds(seconds), TimeSpan.FromSeconds(seconds));
}

/// <summary>Both clocks of a machine, moved by hand. Thread-safe.</summary>
internal sealed class HandClock : LeaseClock
{
    private readonly Lock gate = new();
    private LeaseInstant now = new(TimeSpan.FromHours(1), new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    public override LeaseInstant Now
    {
        get
        {
            lock (gate)
                return now;
        }
    }

    public void Move(TimeSpan monotonic, TimeSpan wall)
    {
        lock (gate)
            now = new LeaseInstant(now.Monotonic + monotonic, now.Wall + wall);
    }
}

internal sealed class AlwaysHealthy : IStoreHealth
{
    public StoreHealth Current => StoreHealth.Good;

    public Task<StoreHealth> CheckAsync(CancellationToken cancellationToken = default) => Task.FromResult(StoreHealth.Good);
}
