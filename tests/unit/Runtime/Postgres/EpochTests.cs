using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>A database that merely started again is told from one that has forgotten something.</summary>
public sealed class EpochTests
{
    [Fact]
    public async Task A_restart_and_a_crash_keep_the_epoch()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var engine = EngineHarness.Create("postgres", database: await server.CreateDatabaseAsync());
        await engine.Tally("one").Add(1);
        var epoch = engine.Get<IStoreEpoch>().Current;
        engine.Get<IStoreEpoch>().Changed += (_, _) => Assert.Fail("nothing was forgotten");
        foreach (var crash in (bool[])[false, true, true])
        {
            // What may be lost may be lost: its place in the log is not what counts.
            await using (var session = await engine.Store.BeginTurnAsync(new GrainId("tally", "lost"), readOnly: false, default))
                await session.CommitAsync(new GrainWrite("{}", [], [], MayBeLost: true));
            await server.StopAsync(crash);
            await server.StartAgainAsync();
            await engine.Tally("one").Add(1);
            Assert.Equal(epoch, engine.Get<IStoreEpoch>().Current);
        }

        Assert.Equal(4, await engine.Tally("one").Get());
    }

    [Fact]
    public async Task An_older_copy_is_another_epoch_for_all_before_any_turn()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var first = EngineHarness.Create("postgres", database: await server.CreateDatabaseAsync());
        await using var second = EngineHarness.Create("postgres", database: first.Database);
        EngineHarness[] engines = [first, second];
        await first.Tally("one").Add(1);
        await server.StopAsync();
        await server.SaveCopyAsync("copy");
        await server.StartAgainAsync();
        foreach (var engine in engines)
            Assert.InRange(await engine.Tally("one").Add(1), 2, 3);
        var epoch = first.Get<IStoreEpoch>().Current;
        Assert.Equal(epoch, second.Get<IStoreEpoch>().Current);

        await server.StopAsync();
        await server.RestoreCopyAsync("copy");
        await server.StartAgainAsync();
        var changes = 0;
        foreach (var engine in engines)
        {
            engine.Get<IStoreEpoch>().Changed += (_, _) =>
            {
                Assert.NotEqual(epoch, engine.Get<IStoreEpoch>().Current);
                Interlocked.Increment(ref changes);
            };
        }

        await Task.WhenAll(engines.SelectMany(e => Enumerable.Range(0, 10).Select(n => Task.Run(async () =>
        {
            await e.Tally($"g{n}").Add(1);
            Assert.NotEqual(epoch, e.Get<IStoreEpoch>().Current);
        }))));
        Assert.Equal(2, changes);
        Assert.Equal(first.Get<IStoreEpoch>().Current, second.Get<IStoreEpoch>().Current);
        Assert.Equal(1, await first.Tally("one").Get());
        Assert.Equal(2L, await Database.RunAsync(first.Database!, "SELECT number FROM store_epoch"));

        // Whoever comes later finds it; a restart of what was restored is a restart.
        await server.StopAsync();
        await server.StartAgainAsync();
        await using var third = EngineHarness.Create("postgres", database: first.Database);
        await third.Tally("one").Add(1);
        await first.Tally("one").Add(1);
        Assert.Equal(first.Get<IStoreEpoch>().Current, third.Get<IStoreEpoch>().Current);
        Assert.Equal(2, changes);
    }

    [Fact]
    public async Task A_copy_from_an_earlier_epoch_does_not_bring_that_epoch_back()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var engine = EngineHarness.Create("postgres", database: await server.CreateDatabaseAsync());
        await engine.Tally("one").Add(1);
        var seen = new HashSet<string>(StringComparer.Ordinal) { engine.Get<IStoreEpoch>().Current };
        await server.StopAsync();
        await server.SaveCopyAsync("copy");
        await server.StartAgainAsync();
        for (var round = 0; round < 3; round++)
        {
            await engine.Tally("one").Add(1);
            await server.StopAsync();
            await server.RestoreCopyAsync("copy");
            await server.StartAgainAsync();
            Assert.Equal(1, await engine.Tally("one").Get());
            Assert.True(seen.Add(engine.Get<IStoreEpoch>().Current));
        }
    }

    [Fact]
    public async Task A_server_that_took_over_is_another_epoch()
    {
        await using var server = await PostgresServer.StartAsync();
        await using var engine = EngineHarness.Create("postgres", database: await server.CreateDatabaseAsync());
        await engine.Tally("one").Add(1);
        var epoch = engine.Get<IStoreEpoch>().Current;
        await server.StopAsync();
        await File.WriteAllTextAsync(Path.Combine(server.DataFolder, "standby.signal"), "");
        await server.StartAgainAsync();
        // A standby takes no writes.
        await Assert.ThrowsAsync<StoreUnavailableException>(() => engine.Tally("one").Add(1));
        Assert.False(engine.Get<IStoreHealth>().Current.IsHealthy);
        await server.ExecuteAsync("SELECT pg_promote()");
        await engine.Tally("one").Add(1);
        Assert.NotEqual(epoch, engine.Get<IStoreEpoch>().Current);
        Assert.Equal(StoreHealth.Good, engine.Get<IStoreHealth>().Current);
    }

    [Fact]
    public async Task An_operator_begins_one_by_hand_and_everybody_notices()
    {
        await using var first = EngineHarness.Create("postgres");
        await using var second = EngineHarness.Create("postgres", database: first.Database);
        await first.Tally("one").Add(1);
        await second.Tally("one").Add(1);
        var epoch = first.Get<IStoreEpoch>().Current;
        await Database.RunAsync(first.Database!, "SELECT begin_epoch((SELECT number FROM store_epoch))");
        await first.Tally("one").Get();
        await second.Tally("one").Add(1);
        Assert.NotEqual(epoch, first.Get<IStoreEpoch>().Current);
        Assert.Equal(first.Get<IStoreEpoch>().Current, second.Get<IStoreEpoch>().Current);
    }
}
