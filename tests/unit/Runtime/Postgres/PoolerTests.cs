using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>A transaction-pooling pgbouncer in front of all but the connection that listens.</summary>
public sealed class PoolerTests
{
    [PgBouncerFact]
    public async Task Turns_messages_and_timeouts_work_through_a_pooler()
    {
        var direct = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        // Fewer connections than are used: none is anybody's for longer than a transaction.
        await using var pooler = await PgBouncer.StartAsync(direct, connections: 6);
        void Configure(GrainEngineOptions o)
        {
            o.DatabaseBehindPooler = true;
            o.DatabaseListen = direct;
            o.DatabaseOwner = direct;
            o.OutboxParallelism = 2;
            o.DatabaseLockTimeout = TimeSpan.FromMilliseconds(300);
        }

        await using var first = await EngineHarness.StartAsync("postgres", database: pooler.Database, configure: Configure);
        await using var second = await EngineHarness.StartAsync("postgres", database: pooler.Database, configure: Configure);
        EngineHarness[] engines = [first, second];
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => engines[i % 2].Tally($"g{i % 20}").Send(1, Samples.Command(i)))));
        foreach (var engine in engines)
            await engine.Pump.WhenIdleAsync().WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(200, engines.SelectMany(e => e.Delivered).Select(d => d.Message).Distinct().Count());
        Assert.Equal(10, await first.Tally("g0").Get());

        await using var holder = new NpgsqlConnection(direct);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Database.RunAsync(holder, "SELECT * FROM grains WHERE key = 'g0' FOR UPDATE");
        await Assert.ThrowsAsync<StoreUnavailableException>(() => first.Tally("g0").Add(1));
        // The timeout was the transaction's: who gets that connection next has the server's own.
        Assert.Equal("0", await Database.RunAsync(pooler.Database, "SHOW lock_timeout"));
    }

    [PgBouncerFact]
    public async Task A_pooler_that_nobody_was_told_of_is_noticed()
    {
        var direct = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await using var pooler = await PgBouncer.StartAsync(direct, connections: 2);
        await using var engine = EngineHarness.Create("postgres", database: pooler.Database, configure: o => o.DatabaseOwner = direct);
        var refused = await Record.ExceptionAsync(() => engine.Tally("one").Add(1));
        Assert.Contains("unsupported startup parameter", refused!.ToString(), StringComparison.Ordinal);
    }
}

/// <summary>A test that runs where pgbouncer is installed, as ./test sees to where it can.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PgBouncerFactAttribute : FactAttribute
{
    public PgBouncerFactAttribute() => Skip = PgBouncer.IsInstalled ? null : "pgbouncer is not installed";
}
