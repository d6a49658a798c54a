using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>A database that goes away and comes back: nothing that was answered is lost, and nobody waits long.</summary>
public sealed class OutageTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_database_that_crashes_in_the_middle_of_it_all_loses_nothing_that_was_answered()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var engine = await EngineHarness.StartAsync("postgres", database: await server.CreateDatabaseAsync());
        using var enough = new CancellationTokenSource();
        var (answered, failed) = (new int[8], new int[8]);
        var workers = Enumerable.Range(0, 8).Select(n => Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
            {
                try
                {
                    await engine.Tally($"g{n}").Send(1, Samples.Command((1_000 * n) + answered[n] + failed[n]));
                    answered[n]++;
                }
                catch (StoreUnavailableException)
                {
                    failed[n]++;
                }
            }
        })).ToArray();
        foreach (var crash in (bool[])[true, false])
        {
            var target = answered.Sum() + 50;
            while (answered.Sum() < target)
                await Task.Yield();
            await server.StopAsync(crash);
            while (engine.Get<IStoreHealth>().Current.IsHealthy)
                await Task.Yield();
            await server.StartAgainAsync();
        }

        var last = answered.Sum() + 50;
        while (answered.Sum() < last)
            await Task.Yield();
        await enough.CancelAsync();
        await Task.WhenAll(workers);

        Assert.True((await engine.Get<IStoreHealth>().CheckAsync()).IsHealthy);
        for (var n = 0; n < 8; n++)
            Assert.InRange(await engine.Tally($"g{n}").Get(), answered[n], answered[n] + failed[n]);
        while ((await engine.Store.ListOutboxSourcesAsync(default)).Count > 0)
            engine.Time.Advance(TimeSpan.FromSeconds(2));
        var delivered = engine.Delivered.Select(d => d.Message).Distinct().Count();
        Assert.InRange(delivered, answered.Sum(), answered.Sum() + failed.Sum());
    }

    [Fact]
    public async Task A_login_that_is_let_in_no_more_is_an_outage_until_it_is_again()
    {
        var server = await PostgresServer.SharedAsync();
        var owner = await server.CreateDatabaseAsync();
        var login = new NpgsqlConnectionStringBuilder(owner);
        await using var engine = await EngineHarness.StartAsync("postgres", database: owner);
        await engine.Tally("g").Send(1, Samples.Command(1));

        await server.ExecuteAsync($"ALTER ROLE {login.Username} PASSWORD 'another'");
        await server.ExecuteAsync($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{login.Username}'");
        Exception? refused;
        do
            refused = await Record.ExceptionAsync(() => engine.Tally("g").Send(1, Samples.Command(2)));
        while (refused?.InnerException is not PostgresException { SqlState: PostgresErrorCodes.InvalidPassword });
        Assert.IsType<StoreUnavailableException>(refused);
        Assert.False(engine.Get<IStoreHealth>().Current.IsHealthy);
        Assert.DoesNotContain(login.Password!, refused.ToString(), StringComparison.Ordinal);

        await server.ExecuteAsync($"ALTER ROLE {login.Username} PASSWORD '{login.Password}'");
        await engine.Tally("g").Send(1, Samples.Command(2));
        Assert.Equal(2, await engine.Tally("g").Get());
        Assert.True(engine.Get<IStoreHealth>().Current.IsHealthy);
    }

    [Fact]
    public async Task A_database_that_says_nothing_is_given_up_on_and_taken_back()
    {
        await using var server = await PostgresServer.StartAsync(durable: false);
        await using var engine = EngineHarness.Create("postgres", database: await server.CreateDatabaseAsync(), configure: o => o.DatabaseStatementTimeout = TimeSpan.FromSeconds(1));
        await engine.Tally("one").Add(1);
        var health = engine.Get<IStoreHealth>();
        await server.SuspendAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => engine.Tally("one").Add(1).WaitAsync(Minute));
        Assert.False(health.Current.IsHealthy);
        Assert.False((await health.CheckAsync()).IsHealthy);
        await server.ResumeAsync();
        Assert.True((await health.CheckAsync()).IsHealthy);
        Assert.InRange(await engine.Tally("one").Add(1), 2, 3);
    }

    [Fact]
    public async Task A_turn_that_decided_nothing_ends_well_though_its_connection_is_lost()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Tally("one").Add(1);
        var turn = await engine.Store.BeginTurnAsync(new GrainId("tally", "one"), readOnly: false, default);
        Assert.Equal(1, await Database.CutAsync(engine.Database!, "idle in transaction"));
        await turn.DisposeAsync();
        Assert.Equal(2, await engine.Tally("one").Add(1));
    }

    [Fact]
    public async Task Too_much_at_once_is_refused_and_is_no_fault_of_the_database()
    {
        await using var engine = EngineHarness.Create("postgres", configure: o =>
        {
            o.OutboxParallelism = 1;
            o.DatabaseConnections = 2;
            o.DatabaseConnectTimeout = TimeSpan.FromSeconds(1);
        });
        await engine.Tally("one").Add(1);
        await using (var first = await engine.Store.BeginTurnAsync(new GrainId("tally", "one"), readOnly: false, default))
        await using (var second = await engine.Store.BeginTurnAsync(new GrainId("tally", "two"), readOnly: false, default))
            await Assert.ThrowsAsync<StoreUnavailableException>(() => engine.Tally("three").Add(1));
        Assert.Equal(StoreHealth.Good, engine.Get<IStoreHealth>().Current);
        Assert.Equal(1, await engine.Tally("three").Add(1));
    }
}
