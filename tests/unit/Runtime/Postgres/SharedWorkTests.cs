using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>Messages and reminders of one database, and several processes to deliver them.</summary>
public sealed class SharedWorkTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Messages_arrive_once_and_in_order_whoever_wrote_them()
    {
        await using var first = await EngineHarness.StartAsync("postgres");
        await using var second = await EngineHarness.StartAsync("postgres", database: first.Database, time: first.Time);
        EngineHarness[] engines = [first, second];
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Task.Run(() => engines[i % 2].Tally($"g{i % 3}").Send(1, Samples.Command(i)))));
        foreach (var engine in engines)
            await engine.Pump.WhenIdleAsync().WaitAsync(Minute);
        Assert.Empty(await first.Store.ListOutboxSourcesAsync(default));

        var delivered = engines.SelectMany(e => e.Delivered).ToArray();
        Assert.Equal(300, delivered.Select(d => d.Message).Distinct().Count());
        Assert.Equal(300, delivered.Length);
        foreach (var engine in engines)
        {
            foreach (var source in engine.Delivered.GroupBy(d => d.Source))
                Assert.Equal(source.Select(d => d.Sequence).Order(), source.Select(d => d.Sequence));
        }
    }

    [Fact]
    public async Task A_process_that_delivers_nothing_wakes_one_that_does()
    {
        // Time stands still: nobody looks by himself.
        await using var silo = await EngineHarness.StartAsync("postgres");
        await using var gateway = await EngineHarness.StartAsync(
            "postgres", database: silo.Database, configure: o => (o.RunsOutbox, o.RunsReminders) = (false, false));
        await silo.Get<PostgresBus>().Listening.WaitAsync(Minute);
        await silo.Pump.WhenIdleAsync();
        for (var n = 0; n < 20; n++)
        {
            var delivered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            silo.OnDeliver = (_, _) =>
            {
                delivered.TrySetResult();
                return Task.CompletedTask;
            };
            await gateway.Tally($"g{n}").Send(1, Samples.Command(n));
            await gateway.Pump.WhenIdleAsync();
            await delivered.Task.WaitAsync(Minute);
        }

        Assert.Empty(gateway.Delivered);
    }

    [Fact]
    public async Task What_a_process_left_behind_is_found_by_looking()
    {
        await using var silo = await EngineHarness.StartAsync("postgres");
        await silo.Pump.WhenIdleAsync();
        await using (var died = EngineHarness.Create("postgres", database: silo.Database))
            await died.Tally("one").Send(1, Samples.Command(1), Samples.Command(2));
        while (silo.Delivered.Count < 2)
        {
            silo.Time.Advance(TimeSpan.FromSeconds(2));
            await Task.Yield();
        }

        Assert.Equal([1L, 2L], silo.Delivered.Select(d => d.Sequence));
    }

    [Fact]
    public async Task A_claim_on_messages_ends_with_whoever_holds_it()
    {
        await using var first = EngineHarness.Create("postgres");
        await using var second = EngineHarness.Create("postgres", database: first.Database, configure: o => o.DatabaseLockTimeout = TimeSpan.FromMilliseconds(200));
        var one = new GrainId("tally", "one");
        await first.Tally("one").Send(1, Samples.Command(1));
        await using (var claim = await first.Store.ClaimOutboxAsync(one, 10, wait: true, default))
        {
            Assert.Single(claim!.Records);
            Assert.Null(await second.Store.ClaimOutboxAsync(one, 10, wait: false, default));
            await Assert.ThrowsAsync<StoreUnavailableException>(() => second.Store.ClaimOutboxAsync(one, 10, wait: true, default));
            // Others' messages are free all the while.
            Assert.NotNull(await second.Store.ClaimOutboxAsync(new GrainId("tally", "two"), 10, wait: false, default));
            Assert.Equal(2, await Database.CutAsync(first.Database!, "idle in transaction"));
            await Assert.ThrowsAsync<StoreUnavailableException>(() => claim.CompleteAsync(1));
        }

        await using var next = await second.Store.ClaimOutboxAsync(one, 10, wait: false, default);
        Assert.Single(next!.Records);
        await next.CompleteAsync(1);
        Assert.Empty(await first.Store.ListOutboxSourcesAsync(default));
    }

    [Fact]
    public async Task Processes_share_due_reminders_and_none_comes_twice()
    {
        await using var first = EngineHarness.Create("postgres");
        await using var second = EngineHarness.Create("postgres", database: first.Database, time: first.Time);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => first.Tally($"g{i}").Remind("due", Minute, TimeSpan.FromDays(1), withState: false)));
        first.Time.Advance(Minute);
        await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Task.Run(() => (i % 2 == 0 ? first : second).Reminders.RunDueAsync(default))));
        var delivered = first.Log.Reminders.Concat(second.Log.Reminders).Select(r => r.Key).ToArray();
        Assert.Equal(100, delivered.Distinct(StringComparer.Ordinal).Count());
        Assert.Equal(100, delivered.Length);
    }

    [Fact]
    public async Task A_reminder_whose_process_died_over_it_is_taken_over()
    {
        await using var first = EngineHarness.Create("postgres");
        await using var second = EngineHarness.Create("postgres", database: first.Database, time: first.Time);
        await first.Tally("one").Remind("due", TimeSpan.Zero, Minute, withState: false);
        Assert.Single(await first.Store.ReadDueRemindersAsync(first.Time.GetUtcNow(), 10, default));
        await second.Reminders.RunDueAsync(default);
        Assert.Empty(second.Log.Reminders);
        first.Time.Advance(TimeSpan.FromSeconds(30));
        await second.Reminders.RunDueAsync(default);
        Assert.Single(second.Log.Reminders);
    }
}
