using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>Several processes and one grain: whoever comes late, from whatever delay, never writes over what is newer.</summary>
public sealed class FencingTests
{
    private static readonly GrainId One = new("tally", "one");

    [Fact]
    public async Task Two_processes_take_turns_at_one_grain()
    {
        await using var first = EngineHarness.Create("postgres");
        await using var second = EngineHarness.Create("postgres", database: first.Database);
        EngineHarness[] engines = [first, second];
        var sums = await Task.WhenAll(Enumerable.Range(0, 400).Select(i => Task.Run(() => engines[i % 2].Tally($"g{i % 4 / 2}").Add(1))));
        Assert.Equal(200, await first.Tally("g0").Get());
        Assert.Equal(200, await second.Tally("g1").Get());
        Assert.Equal(Enumerable.Range(1, 200).SelectMany(n => (int[])[n, n]), sums.Order());
    }

    [Fact]
    public async Task A_turn_whose_connection_was_cut_writes_nothing()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Tally("one").Add(1);
        await using (var session = await engine.Store.BeginTurnAsync(One, readOnly: false, default))
        {
            await Database.CutAsync(engine.Database!, "idle in transaction");
            await Assert.ThrowsAsync<StoreUnavailableException>(() => session.CommitAsync(Write("late")));
            await Assert.ThrowsAsync<InconsistentStateException>(async () =>
            {
                await engine.Tally("one").Add(1);
                await session.CommitAsync(Write("late"));
            });
        }

        Assert.Equal(2, await engine.Tally("one").Get());
        Assert.Empty(await engine.Store.ListOutboxSourcesAsync(default));
        Assert.Equal(StoreHealth.Good, engine.Get<IStoreHealth>().Current);
    }

    [Fact]
    public async Task A_second_write_of_a_turn_fails_where_another_turn_wrote_in_between()
    {
        await using var first = EngineHarness.Create("postgres");
        await using var second = EngineHarness.Create("postgres", database: first.Database);
        await using var session = await first.Store.BeginTurnAsync(One, readOnly: false, default);
        await session.CommitAsync(new GrainWrite("""{"state":{"sum":5}}""", [], []));
        await session.CommitAsync(new GrainWrite("""{"state":{"sum":6}}""", [], []));
        Assert.Equal(7, await second.Tally("one").Add(1));

        await Assert.ThrowsAsync<InconsistentStateException>(() => session.CommitAsync(Write("late")));
        Assert.Empty(await first.Store.ListOutboxSourcesAsync(default));
        await session.ReloadAsync();
        Assert.Null(await session.FindReminderAsync("r"));
        await session.CommitAsync(new GrainWrite("""{"state":{"sum":9}}""", [], []));
        Assert.Equal(9, await second.Tally("one").Get());
    }

    [Fact]
    public async Task Whoever_holds_a_grain_and_sleeps_delays_others_no_longer_than_the_timeouts()
    {
        await using var engine = EngineHarness.Create("postgres", configure: o => o.DatabaseLockTimeout = TimeSpan.FromMilliseconds(200));
        await engine.Tally("one").Add(1);
        await using var holder = new NpgsqlConnection(engine.Database);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Database.RunAsync(holder, "SELECT * FROM grains WHERE key = 'one' FOR UPDATE");

        await Assert.ThrowsAsync<StoreUnavailableException>(() => engine.Tally("one").Add(1));
        // Nobody else waits, and what only reads does not either.
        Assert.Equal(1, await engine.Tally("two").Add(1));
        await using (var reading = await engine.Store.BeginTurnAsync(One, readOnly: true, default))
        {
            Assert.NotNull(reading.State);
            await Assert.ThrowsAsync<InvalidOperationException>(() => reading.CommitAsync(Write("never")));
        }

        await transaction.RollbackAsync();
        Assert.Equal(2, await engine.Tally("one").Add(1));
    }

    [Fact]
    public async Task A_process_that_sleeps_in_its_turn_loses_the_grain_and_cannot_write_when_it_wakes()
    {
        await using var sleeper = EngineHarness.Create("postgres", configure: o => o.DatabaseIdleTimeout = TimeSpan.FromMilliseconds(200));
        await using var other = EngineHarness.Create("postgres", database: sleeper.Database);
        await other.Tally("one").Add(1);
        await using var session = await sleeper.Store.BeginTurnAsync(One, readOnly: false, default);
        Assert.Equal(2, await other.Tally("one").Add(1));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => session.CommitAsync(Write("late")));
        Assert.Equal(2, await other.Tally("one").Get());
        Assert.Empty(await other.Store.ListOutboxSourcesAsync(default));
    }

    [Fact]
    public async Task Turns_go_by_the_databases_clock_read_after_the_wait_for_the_grain()
    {
        await using var engine = EngineHarness.Create("postgres", configure: o => o.UseDatabaseClock = true);
        await using var first = await engine.Store.BeginTurnAsync(One, readOnly: false, default);
        var waiting = engine.Tally("one").Now();
        while (!await Database.IsAnyoneWaitingAsync(engine.Database!))
            await Task.Yield();
        var before = await engine.Store.ReadClockAsync(default);
        await first.DisposeAsync();
        Assert.True(await waiting >= before);
        Assert.True(before - engine.Time.GetUtcNow() < TimeSpan.FromDays(-1));
    }

    private static GrainWrite Write(string by) => new(
        $$"""{"by":"{{by}}"}""", [new OutboxRecord(99, Samples.Command(1))], [new ReminderChange("r", Samples.T0, TimeSpan.FromMinutes(1))]);
}
