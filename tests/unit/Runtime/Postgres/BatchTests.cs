using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>Turns that share a transaction share nothing else.</summary>
public sealed class BatchTests
{
    [Fact]
    public async Task Turns_that_wait_at_the_same_time_are_one_transaction()
    {
        await using var engine = EngineHarness.Create("postgres");
        var (a, b, c) = await TogetherAsync(engine);
        var first = a.CommitAsync(Write("a"));
        var last = c.CommitAsync(Write("c"));
        // Both wait for the third, which writes nothing.
        await Task.Yield();
        Assert.False(first.IsCompleted || last.IsCompleted);
        await b.DisposeAsync();
        await Task.WhenAll(first, last);
        Assert.Equal(1L, await Database.RunAsync(engine.Database!, "SELECT count(DISTINCT xmin::text) FROM grains WHERE key IN ('a', 'c')"));
        Assert.Equal(["a", "c"], (await engine.Store.ListOutboxSourcesAsync(default)).Select(g => g.Key).Order());

        // A second write of each is its own.
        await a.CommitAsync(new GrainWrite("""{"state":{"sum":8}}""", [], [new ReminderChange("r", null, TimeSpan.Zero)]));
        Assert.Equal((8, 1, 0), (await engine.Tally("a").Get(), await engine.Tally("b").Get(), await engine.Tally("c").Get()));
        Assert.Equal((false, true), (await engine.Tally("a").HasReminder("r"), await engine.Tally("c").HasReminder("r")));
    }

    [Fact]
    public async Task While_a_batch_is_being_committed_only_many_turns_begin_another()
    {
        await using var engine = EngineHarness.Create("postgres", configure: o => (o.DatabaseLockTimeout, o.DatabaseStatementTimeout) = (TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(5)));
        string[] keys = [.. Enumerable.Range(0, PostgresStore.WorthAnother).Select(n => $"g{n}")];
        foreach (var key in (string[])["slow", .. keys])
            await engine.Tally(key).Add(1);
        await using var holder = new NpgsqlConnection(engine.Database);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Database.RunAsync(holder, "LOCK TABLE outbox IN EXCLUSIVE MODE");
        var slow = engine.Tally("slow").Send(1, Samples.Command(1));
        while (!await Database.IsAnyoneWaitingAsync(engine.Database!))
            await Task.Yield();

        Task<ITurnSession>[] few = [.. keys[1..].Select(key => BeginAsync(engine, key))];
        await engine.Store.ListOutboxSourcesAsync(default);
        Assert.DoesNotContain(few, t => t.IsCompleted);
        Task<ITurnSession>[] many = [.. few, BeginAsync(engine, keys[0])];
        foreach (var session in await Task.WhenAll(many).WaitAsync(TimeSpan.FromMinutes(2)))
            await session.DisposeAsync();
        Assert.False(slow.IsCompleted);
        await transaction.RollbackAsync();
        await slow;
    }

    [Fact]
    public async Task A_write_that_is_refused_takes_no_other_with_it()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Audit.AppendAsync([Samples.Entry("tally/b", 1)]);
        var (a, b, c) = await TogetherAsync(engine);
        var taken = new GrainWrite("""{"state":{"sum":9}}""", [new OutboxRecord(1, new OutboxMessage.Audit(Samples.Entry("tally/b", 1) with { Hash = "another" }))], []);
        Task[] writes = [a.CommitAsync(Write("a")), b.CommitAsync(taken), c.CommitAsync(Write("c"))];
        await Assert.ThrowsAsync<AuditConflictException>(() => Task.WhenAll(writes));
        Assert.Equal((true, false, true), (writes[0].IsCompletedSuccessfully, writes[1].IsCompletedSuccessfully, writes[2].IsCompletedSuccessfully));
        Assert.Equal((0, 1, 0), (await engine.Tally("a").Get(), await engine.Tally("b").Get(), await engine.Tally("c").Get()));
    }

    [Fact]
    public async Task A_grain_that_is_locked_elsewhere_holds_up_nobody_else()
    {
        await using var engine = EngineHarness.Create("postgres");
        var (a, b, c) = await TogetherAsync(engine);
        foreach (var session in (ITurnSession[])[a, b, c])
            await session.DisposeAsync();
        await using var holder = new NpgsqlConnection(engine.Database);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Database.RunAsync(holder, "SELECT * FROM grains WHERE key = 'a' FOR UPDATE");

        var busy = await KeepBusyAsync(engine);
        Task<int>[] waiting = [engine.Tally("a").Add(10), engine.Tally("b").Add(10), engine.Tally("c").Add(10), engine.Tally("new").Add(10)];
        foreach (var other in busy)
            await other.DisposeAsync();
        var others = await Task.WhenAll(waiting[1..]);
        Assert.Equal([11, 11, 10], others);
        Assert.False(waiting[0].IsCompleted);
        await transaction.RollbackAsync();
        Assert.Equal(11, await waiting[0]);
    }

    [Fact]
    public async Task Where_the_connection_is_cut_every_turn_on_it_fails_and_none_has_written()
    {
        await using var engine = EngineHarness.Create("postgres");
        var (a, b, c) = await TogetherAsync(engine);
        await Database.CutAsync(engine.Database!, "idle in transaction");
        Task[] writes = [a.CommitAsync(Write("a")), b.CommitAsync(Write("b")), c.CommitAsync(Write("c"))];
        foreach (var write in writes)
            await Assert.ThrowsAsync<StoreUnavailableException>(() => write);
        Assert.Equal((1, 1, 1), (await engine.Tally("a").Get(), await engine.Tally("b").Get(), await engine.Tally("c").Get()));
        Assert.Empty(await engine.Store.ListOutboxSourcesAsync(default));
    }

    // Turns of a, b and c in one transaction: while other turns keep all batches busy, they have to wait.
    private static async Task<(ITurnSession A, ITurnSession B, ITurnSession C)> TogetherAsync(EngineHarness engine)
    {
        foreach (var key in (string[])["a", "b", "c"])
            await engine.Tally(key).Add(1);
        var busy = await KeepBusyAsync(engine);
        Task<ITurnSession>[] waiting = [BeginAsync(engine, "a"), BeginAsync(engine, "b"), BeginAsync(engine, "c")];
        Assert.DoesNotContain(waiting, t => t.IsCompleted);
        await busy[0].DisposeAsync();
        var sessions = await Task.WhenAll(waiting);
        foreach (var other in busy)
            await other.DisposeAsync();
        return (sessions[0], sessions[1], sessions[2]);
    }

    private static async Task<List<ITurnSession>> KeepBusyAsync(EngineHarness engine)
    {
        var busy = new List<ITurnSession>();
        for (var i = 0; i < PostgresStore.BatchesAtOnce; i++)
        {
            await engine.Tally($"busy {i}").Add(1);
            busy.Add(await BeginAsync(engine, $"busy {i}"));
        }

        return busy;
    }

    private static Task<ITurnSession> BeginAsync(EngineHarness engine, string key) =>
        engine.Store.BeginTurnAsync(new GrainId("tally", key), readOnly: false, default);

    private static GrainWrite Write(string by) => new(
        $$"""{"by":"{{by}}"}""", [new OutboxRecord(99, Samples.Command(1))], [new ReminderChange("r", Samples.T0, TimeSpan.FromMinutes(1))]);
}
