using System.Text.Json;
using JitGrains.Json;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Shell;

namespace JitGrains.UnitTests.Runtime;

public class StateTests
{
    private static readonly GrainId One = new("tally", "one");

    public static TheoryData<string> Stores => EngineHarness.Stores;

    // On PostgreSQL the second would wait for the first: FencingTests.
    [Theory]
    [InlineData("memory")]
    [InlineData("sqlite")]
    public async Task Of_two_turns_that_began_from_one_version_the_second_to_write_fails(string store)
    {
        await using var engine = EngineHarness.Create(store);
        foreach (var round in (string[])["first write", "later write"])
        {
            await using var first = await engine.Store.BeginTurnAsync(One, readOnly: false, CancellationToken.None);
            await using var second = await engine.Store.BeginTurnAsync(One, readOnly: false, CancellationToken.None);
            await first.CommitAsync(new GrainWrite($$"""{"by":"first, {{round}}"}""", [], []));
            await Assert.ThrowsAsync<InconsistentStateException>(() => second.CommitAsync(
                new GrainWrite("""{"by":"second"}""", [new OutboxRecord(99, Samples.Command(1))], [new ReminderChange("r", Samples.T0, TimeSpan.FromMinutes(1))])));

            await second.ReloadAsync();
            Assert.Equal(first.State, second.State);
            Assert.Equal(first.ETag, second.ETag);
            Assert.Null(await second.FindReminderAsync("r"));
            Assert.Empty(await engine.Store.ListOutboxSourcesAsync(CancellationToken.None));

            // Once it has read the state anew it may write.
            await second.CommitAsync(new GrainWrite("""{"by":"second"}""", [], []));
        }
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task State_messages_rows_and_reminders_are_written_together(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Tally("one").Send(3, Samples.Audit("tally-one", 1), Samples.Command(1), new OutboxMessage.ShowRequest(Samples.Request("rq_1")), Samples.Command(2));

        Assert.Equal(3, await engine.Tally("one").Get());
        Assert.True(await engine.Tally("one").HasReminder("sent"));
        var waiting = await engine.Store.ReadOutboxAsync(One, 10, CancellationToken.None);
        Assert.Equal([new OutboxRecord(2, Samples.Command(1)), new OutboxRecord(4, Samples.Command(2))], waiting);
        Assert.Equal(1, (await engine.Audit.GetHeadAsync("tally-one")).Sequence);
        Assert.NotNull(await engine.Views.GetRequestAsync("rq_1"));

        await using var session = await engine.Store.BeginTurnAsync(One, readOnly: false, CancellationToken.None);
        var stored = JsonSerializer.Deserialize<GrainDocument<TallyState>>(session.State!, JitJson.Options)!;
        Assert.Empty(stored.Outbox);
        Assert.Equal(4, stored.OutboxSequence);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_write_that_fails_in_the_middle_leaves_nothing(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Audit.AppendAsync([Samples.Entry("tally-one", 1), Samples.Entry("tally-one", 2, hash: "other")]);

        // The last row meets another entry in its place, after everything else was put in.
        await Assert.ThrowsAsync<AuditConflictException>(() => engine.Tally("one").Send(
            3, Samples.Command(1), new OutboxMessage.ShowRequest(Samples.Request("rq_1")), Samples.Audit("tally-one", 1), Samples.Audit("tally-one", 2)));

        Assert.Equal(0, await engine.Tally("one").Get());
        Assert.False(await engine.Tally("one").HasReminder("sent"));
        Assert.Empty(await engine.Store.ListOutboxSourcesAsync(CancellationToken.None));
        Assert.Null(await engine.Views.GetRequestAsync("rq_1"));
        Assert.Equal(["hash", "other"], (await Samples.AllPagesAsync(c => engine.Audit.QueryAsync(AuditFilter.All, c))).OrderBy(e => e.Sequence).Select(e => e.Hash));

        await engine.Tally("one").Send(3, Samples.Command(1));
        Assert.Equal(3, await engine.Tally("one").Get());
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_sequence_number_used_twice_is_refused(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Store.WriteAsync("one", Samples.Command(1));
        await Assert.ThrowsAnyAsync<Exception>(() => engine.Store.WriteAsync("one", Samples.Command(2)));
        Assert.Equal(Samples.Command(1), Assert.Single(await engine.Store.ReadOutboxAsync(One, 10, CancellationToken.None)).Message);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Fields_of_a_later_version_survive_a_turn(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await using (var session = await engine.Store.BeginTurnAsync(One, readOnly: false, CancellationToken.None))
            await session.CommitAsync(new GrainWrite("""{"v":1,"state":{"sum":40},"from_the_future":{"a":[1,2]}}""", [], []));

        Assert.Equal(42, await engine.Tally("one").Add(2));

        await using var after = await engine.Store.BeginTurnAsync(One, readOnly: false, CancellationToken.None);
        await after.ReloadAsync();
        using var document = JsonDocument.Parse(after.State!);
        Assert.Equal("[1,2]", document.RootElement.GetProperty("from_the_future").GetProperty("a").GetRawText());
        Assert.Equal(1, document.RootElement.GetProperty("v").GetInt32());
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_trial_write_says_that_the_store_is_well(string store)
    {
        await using var engine = EngineHarness.Create(store);
        Assert.Equal(StoreHealth.Good, engine.Get<IStoreHealth>().Current);
        Assert.Equal(StoreHealth.Good, await engine.Get<IStoreHealth>().CheckAsync());
    }
}
