using System.Diagnostics.Metrics;
using JitGrains.Runtime.Engine;

namespace JitGrains.UnitTests.Runtime;

public class SqliteWriterTests
{
    [Fact]
    public async Task Writes_that_wait_share_a_transaction_and_fail_alone()
    {
        await using var engine = EngineHarness.Create("sqlite");
        var writer = engine.Get<SqliteStore>().Writer;
        var (batch, go) = await HoldAsync(writer);
        var sizes = new List<int>();
        using var listener = Listen(engine, "jitgrains.store.commit.writes", sizes);
        var writes = Enumerable.Range(0, 10).Select(i => writer.WriteAsync(db => db.Execute(
            "INSERT INTO callers (principal, caller_key) VALUES ($1, 'k')", i == 5 ? 4 : i))).ToArray();
        go();
        await batch;
        for (var i = 0; i < 10; i++)
        {
            if (i == 5)
                await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(() => writes[i]);
            else
                Assert.Equal(1, await writes[i]);
        }

        lock (sizes)
            Assert.Equal([1, 10], sizes);
        Assert.True(writer.Health.IsHealthy);
        Assert.Equal(9, await CallersAsync(engine));
    }

    [Fact]
    public async Task If_the_commit_fails_nothing_of_it_is_answered_as_done_and_the_next_one_is_well()
    {
        await using var engine = EngineHarness.Create("sqlite");
        var writer = engine.Get<SqliteStore>().Writer;
        await writer.WriteAsync(db => db.Execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
            + db.Execute("CREATE TABLE child (parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)"));

        var (batch, go) = await HoldAsync(writer);
        var innocent = writer.WriteAsync(db => db.Execute("INSERT INTO callers (principal, caller_key) VALUES ('a', 'k')"));

        // A deferred constraint is checked by COMMIT itself.
        var guilty = writer.WriteAsync(db => db.Execute("INSERT INTO child VALUES (1)"));
        go();
        await batch;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => innocent);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => guilty);
        Assert.False(writer.Health.IsHealthy);
        Assert.Equal(0, await CallersAsync(engine));

        Assert.Equal(StoreHealth.Good, await engine.Get<IStoreHealth>().CheckAsync());
        Assert.Equal(1, await engine.Tally("one").Add(1));
    }

    [Fact]
    public async Task A_full_disk_is_an_error_to_callers_turns_health_bad_and_passes()
    {
        await using var engine = EngineHarness.Create("sqlite");
        var writer = engine.Get<SqliteStore>().Writer;
        await engine.Tally("one").Add(1);
        await writer.WriteAsync(db => db.One("PRAGMA max_page_count = 1", r => r.GetInt64(0)));

        var health = engine.Get<IStoreHealth>();
        var written = 1;
        await Assert.ThrowsAsync<StoreUnavailableException>(async () =>
        {
            for (; written < 100_000; written++)
                await engine.Tally("one").Send(1, Samples.Audit("chain", written));
        });
        Assert.False(health.Current.IsHealthy);
        Assert.False((await health.CheckAsync()).IsHealthy);
        Assert.Contains("full", (await health.CheckAsync()).Problem, StringComparison.Ordinal);
        Assert.Equal(written, await engine.Tally("one").Get());
        Assert.Equal(written - 1, (await engine.Audit.GetHeadAsync("chain")).Sequence);

        await writer.WriteAsync(db => db.One("PRAGMA max_page_count = 1073741823", r => r.GetInt64(0)));
        Assert.Equal(StoreHealth.Good, await health.CheckAsync());
        await engine.Tally("one").Send(1, Samples.Audit("chain", written));
        Assert.Equal(written + 1, await engine.Tally("one").Get());
    }

    [Fact]
    public async Task A_full_queue_makes_writers_wait_and_a_wait_can_be_cancelled()
    {
        await using var engine = EngineHarness.Create("sqlite", configure: o => o.WriteQueueCapacity = 2);
        var writer = engine.Get<SqliteStore>().Writer;
        var (batch, go) = await HoldAsync(writer);
        var ran = 0;
        var queued = Enumerable.Range(0, 2).Select(_ => writer.WriteAsync(_ => Interlocked.Increment(ref ran))).ToArray();
        using var cancel = new CancellationTokenSource();
        var cancelled = writer.WriteAsync(_ => Interlocked.Increment(ref ran), cancel.Token);
        var patient = writer.WriteAsync(_ => Interlocked.Increment(ref ran));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        go();
        await batch;
        await Task.WhenAll([.. queued, patient]);
        Assert.Equal(3, ran);
    }

    [Fact]
    public async Task A_closed_store_refuses_writes()
    {
        var engine = EngineHarness.Create("sqlite");
        var writer = engine.Get<SqliteStore>().Writer;
        await engine.DisposeAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => writer.WriteAsync(_ => 1));
    }

    /// <summary>Holds the writer within a transaction of its own, so that what comes next waits and is one batch.</summary>
    private static async Task<(Task Held, Action Go)> HoldAsync(SqliteWriter writer)
    {
        var go = new ManualResetEvent(false);
        var inside = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = writer.WriteAsync(_ =>
        {
            inside.SetResult();
            return go.WaitOne();
        });
        await inside.Task;
        return (held, () => go.Set());
    }

    private static MeterListener Listen(EngineHarness engine, string instrument, List<int> values)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (i, l) =>
            {
                if (ReferenceEquals(i.Meter.Scope, engine.Get<IMeterFactory>()) && i.Name == instrument)
                    l.EnableMeasurementEvents(i);
            },
        };
        listener.SetMeasurementEventCallback<int>((_, value, _, _) =>
        {
            lock (values)
                values.Add(value);
        });
        listener.Start();
        return listener;
    }

    private static Task<int> CallersAsync(EngineHarness engine) =>
        engine.Get<SqliteStore>().Readers.ReadAsync(db => db.One("SELECT COUNT(*) FROM callers", r => r.GetInt32(0)));
}
