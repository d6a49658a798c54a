using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Shell;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>A turn goes on from the document that its process wrote last only where the store holds just that.</summary>
public sealed class KeptDocumentTests
{
    private static readonly GrainId One = new("tally", "one");

    [Fact]
    public async Task What_a_process_wrote_last_is_not_read_again_and_what_another_wrote_is()
    {
        await using var first = EngineHarness.Create("postgres");
        await using var second = EngineHarness.Create("postgres", database: first.Database);
        await first.Tally("one").Add(1);
        Assert.Equal((true, 1), await LookAsync(first));
        // It was given out, and nothing was written with it.
        Assert.Equal((false, 1), await LookAsync(first));

        Assert.Equal(2, await first.Tally("one").Add(1));
        Assert.Equal(3, await second.Tally("one").Add(1));
        Assert.Equal((false, 3), await LookAsync(first));
        Assert.Equal((true, 3), await LookAsync(second));
        Assert.Equal(5, await second.Tally("one").Add(2));
        Assert.Equal(6, await first.Tally("one").Add(1));
    }

    [Fact]
    public async Task A_turn_that_is_told_to_read_again_gets_what_is_stored()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Tally("one").Add(7);
        await using var session = await engine.Store.BeginTurnAsync(One, readOnly: false, default);
        Assert.Null(session.State);
        await session.ReloadAsync();
        Assert.Null(session.Document);
        Assert.Contains("\"sum\":7", session.State, StringComparison.Ordinal);
        Assert.Equal("1", session.ETag);
    }

    [Fact]
    public async Task What_a_failed_turn_left_behind_is_nobodys()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Audit.AppendAsync([Samples.Entry("tally-one", 1)]);
        await engine.Tally("one").Add(1);
        await Assert.ThrowsAsync<AuditConflictException>(() => engine.Tally("one").Send(30, new OutboxMessage.Audit(Samples.Entry("tally-one", 1, hash: "another"))));
        Assert.Equal((false, 1), await LookAsync(engine));
        Assert.Equal(2, await engine.Tally("one").Add(1));

        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => engine.Tally("one").AddThenThrow(5));
        Assert.Equal((false, 7), await LookAsync(engine));
        Assert.Equal(8, await engine.Tally("one").Add(1));
    }

    [Fact]
    public async Task What_a_crash_may_take_back_is_not_kept()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Tally("one").Add(1);
        await using (var session = await engine.Store.BeginTurnAsync(One, readOnly: false, default))
        {
            await session.CommitAsync(new GrainWrite("""{"state":{"sum":2}}""", [], [], MayBeLost: true));
            session.Keep(new GrainDocument<TallyState>());
        }

        Assert.Equal((false, 2), await LookAsync(engine));
    }

    [Fact]
    public async Task The_same_version_in_another_epoch_is_something_else()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Tally("one").Add(1);
        await engine.Tally("two").Add(1);
        await Database.RunAsync(
            engine.Database!,
            """
            UPDATE grains SET state = '{"state":{"sum":50}}' WHERE key = 'one';
            UPDATE store_epoch SET number = number + 1, epoch = gen_random_uuid()
            """);
        // The one finds out that there is another epoch; the two finds it found out.
        Assert.Equal(51, await engine.Tally("one").Add(1));
        Assert.Equal((false, 1), await LookAsync(engine, "two"));
    }

    [Fact]
    public async Task Calls_that_pass_through_the_serializer_have_their_state_do_so_too()
    {
        await using var engine = EngineHarness.Create("postgres", configure: o => o.RoundTripCalls = true);
        await engine.Tally("one").Add(1);
        Assert.Equal((false, 1), await LookAsync(engine));
    }

    [Fact]
    public void Only_so_many_are_kept_and_the_latest_are()
    {
        var documents = new WrittenDocuments(10);
        for (var i = 1; i <= 100; i++)
        {
            documents.Put(new GrainId("tally", $"{i}"), new WrittenDocument(i, "e", i));
            // Used again and again.
            documents.Put(One, documents.Take(One, "e") ?? new WrittenDocument(1, "e", One));
        }

        Assert.Equal(100L, documents.Take(new GrainId("tally", "100"), "e")?.Version);
        Assert.Null(documents.Take(new GrainId("tally", "100"), "e"));
        Assert.Null(documents.Take(new GrainId("tally", "99"), "another epoch"));
        Assert.NotNull(documents.Take(One, "e"));
        Assert.InRange(Enumerable.Range(1, 100).Count(i => documents.Take(new GrainId("tally", $"{i}"), "e") is not null), 1, 10);
    }

    [Fact]
    public async Task Two_processes_never_lose_each_others_turns()
    {
        await using var first = EngineHarness.Create("postgres");
        await using var second = EngineHarness.Create("postgres", database: first.Database);
        EngineHarness[] engines = [first, second];
        var random = new Random(11);
        var choices = Enumerable.Range(0, 600).Select(_ => (Engine: engines[random.Next(2)], Key: $"g{random.Next(3)}")).ToList();
        await Task.WhenAll(choices.Select(c => Task.Run(() => c.Engine.Tally(c.Key).AddWithPause())));
        foreach (var group in choices.GroupBy(c => c.Key))
            Assert.Equal(group.Count(), await first.Tally(group.Key).Get());
    }

    /// <summary>Whether the grain's next turn has a document already, and what it holds.</summary>
    private static async Task<(bool Kept, int Sum)> LookAsync(EngineHarness engine, string key = "one")
    {
        // The other process' last turn may still be giving the row free, and whoever finds it held reads it after the wait.
        await Database.RunAsync(engine.Database!, $"SELECT FROM grains WHERE key = '{key}' FOR UPDATE");
        bool kept;
        await using (var session = await engine.Store.BeginTurnAsync(new GrainId("tally", key), readOnly: false, default))
        {
            kept = session.Document is GrainDocument<TallyState>;
            Assert.NotEqual(kept, session.State is not null);
        }

        return (kept, await engine.Tally(key).Get());
    }
}
