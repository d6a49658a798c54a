using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>A turn that takes another's message in that one's transaction: it is written with it, or later as any other.</summary>
public sealed class JoinedTurnTests
{
    private static readonly GrainId Taker = new("tally", "taker");

    [Fact]
    public async Task Both_turns_are_one_transaction_and_nothing_is_left_to_deliver()
    {
        await using var engine = await StartAsync();
        await engine.Tally("source").Send(1, Samples.Command(1), Samples.Command(2));
        // With the source's answer, before anything was delivered otherwise.
        Assert.Equal((1, 11), (await engine.Tally("source").Get(), await engine.Tally("taker").Get()));
        Assert.Equal(1L, await Database.RunAsync(engine.Database!, "SELECT count(DISTINCT xmin::text) FROM grains WHERE key IN ('source', 'taker')"));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal([1L, 2], engine.Delivered.Select(d => d.Sequence).Order());
        Assert.Equal(11, await engine.Tally("taker").Get());
        Assert.Empty(await engine.Store.ListOutboxSourcesAsync(default));

        // Each goes on from what it wrote.
        await engine.Tally("source").Send(1, Samples.Command(2));
        Assert.Equal(22, await engine.Tally("taker").Add(1));
        Assert.Equal(3, await engine.Tally("source").Add(1));
    }

    [Fact]
    public async Task Where_nothing_else_is_sent_the_outbox_is_not_written()
    {
        await using var engine = await StartAsync();
        await Database.RunAsync(engine.Database!, "REVOKE ALL ON outbox FROM PUBLIC; ALTER TABLE outbox ADD CONSTRAINT nothing CHECK (seq < 0)");
        await engine.Tally("source").Send(1, Samples.Command(2));
        Assert.Equal((1, 11), (await engine.Tally("source").Get(), await engine.Tally("taker").Get()));
    }

    [Fact]
    public async Task A_taker_that_is_not_there_yet_takes_it_by_itself()
    {
        await using var engine = await StartAsync();
        engine.Taker = _ => new GrainId("tally", "new");
        engine.OnDeliver = (_, r) => r.Message.Equals(Samples.Command(2)) ? engine.Tally("new").Add(10) : Task.CompletedTask;
        await engine.Tally("source").Send(1, Samples.Command(1), Samples.Command(2));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal((1, 10), (await engine.Tally("source").Get(), await engine.Tally("new").Get()));
        Assert.Equal([2L, 1], engine.Delivered.Select(d => d.Sequence));
    }

    [Fact]
    public async Task A_taker_that_is_locked_elsewhere_holds_nobody_up_and_takes_it_then()
    {
        await using var engine = await StartAsync();
        await using var holder = new NpgsqlConnection(engine.Database);
        await holder.OpenAsync();
        await using var transaction = await holder.BeginTransactionAsync();
        await Database.RunAsync(holder, "SELECT * FROM grains WHERE key = 'taker' FOR UPDATE");
        await engine.Tally("source").Send(1, Samples.Command(2));
        Assert.Equal(1, await engine.Tally("source").Get());
        Assert.Empty(engine.Delivered);
        await transaction.RollbackAsync();
        await engine.Pump.WhenIdleAsync();
        Assert.Equal(11, await engine.Tally("taker").Get());
        Assert.Single(engine.Delivered);
    }

    [Fact]
    public async Task A_taker_whose_turn_runs_in_this_process_takes_it_after_that()
    {
        await using var engine = await StartAsync();
        var queues = engine.Get<TurnQueues>();
        await queues.EnterAsync(Taker);
        await engine.Tally("source").Send(1, Samples.Command(2));
        Assert.Equal(1, await engine.Tally("source").Get());
        Assert.Empty(engine.Delivered);
        queues.Leave(Taker);
        await engine.Pump.WhenIdleAsync();
        Assert.Equal(11, await engine.Tally("taker").Get());
        Assert.Equal(0, queues.Running);
    }

    [Fact]
    public async Task A_delivery_that_fails_costs_its_source_nothing_and_comes_again()
    {
        await using var engine = await StartAsync();
        var failures = 0;
        engine.OnDeliver = (_, r) => r.Sequence != 1 || failures++ > 0 ? engine.Tally("taker").Add(10) : throw new InvalidTimeZoneException("not now");
        await engine.Tally("source").Send(1, Samples.Command(2));
        Assert.Equal(1, await engine.Tally("source").Get());
        await engine.Pump.WhenIdleAsync();
        Assert.Equal((2, 11), (failures, await engine.Tally("taker").Get()));
        Assert.Equal(0, engine.Get<TurnQueues>().Running);
    }

    [Fact]
    public async Task A_turn_that_writes_nothing_leaves_the_message()
    {
        await using var engine = await StartAsync();
        var calls = 0;
        engine.OnDeliver = (_, _) => calls++ == 0 ? engine.Tally("taker").HasReminder("none") : engine.Tally("taker").Add(10);
        await engine.Tally("source").Send(1, Samples.Command(2));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal((2, 11), (calls, await engine.Tally("taker").Get()));
    }

    [Fact]
    public async Task What_the_database_refuses_the_taker_its_source_keeps()
    {
        await using var engine = await StartAsync();
        await engine.Audit.AppendAsync([Samples.Entry("tally/taker", 1)]);
        var calls = 0;
        engine.OnDeliver = (_, _) => calls++ == 0 ? engine.Tally("taker").Send(100, Samples.Audit("tally/taker", 1, hash: "another")) : engine.Tally("taker").Add(10);
        await engine.Tally("source").Send(1, Samples.Command(2));
        Assert.Equal(1, await engine.Tally("source").Get());
        await engine.Pump.WhenIdleAsync();
        Assert.Equal((2, 11), (calls, await engine.Tally("taker").Get()));
        Assert.Empty(await engine.Store.ListOutboxSourcesAsync(default));
    }

    [Fact]
    public async Task What_the_database_refuses_the_source_the_taker_does_not_write_either()
    {
        await using var engine = await StartAsync();
        await engine.Audit.AppendAsync([Samples.Entry("tally/source", 1)]);
        await Assert.ThrowsAsync<AuditConflictException>(() => engine.Tally("source").Send(1, Samples.Audit("tally/source", 1, hash: "another"), Samples.Command(2)));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal((0, 1), (await engine.Tally("source").Get(), await engine.Tally("taker").Get()));
        Assert.Equal(0, engine.Get<TurnQueues>().Running);
    }

    [Fact]
    public async Task Where_the_connection_is_cut_neither_has_written()
    {
        await using var engine = await StartAsync();
        engine.OnDeliver = async (_, _) =>
        {
            await Database.CutAsync(engine.Database!, "idle in transaction");
            await engine.Tally("taker").Add(10);
        };
        await Assert.ThrowsAsync<StoreUnavailableException>(() => engine.Tally("source").Send(1, Samples.Command(2)));
        Assert.Equal((0, 1), (await engine.Tally("source").Get(), await engine.Tally("taker").Get()));
        await engine.Pump.WhenIdleAsync();
        Assert.Empty(engine.Delivered);
        Assert.Equal(0, engine.Get<TurnQueues>().Running);
    }

    [Fact]
    public async Task Only_the_grain_that_was_named_is_joined()
    {
        await using var engine = await StartAsync();
        var thrown = new List<Exception>();
        engine.OnDeliver = async (_, _) =>
        {
            try
            {
                await engine.Tally("other").Add(10);
            }
            catch (InvalidOperationException e)
            {
                thrown.Add(e);
                throw;
            }
        };
        await engine.Tally("source").Send(1, Samples.Command(2));
        await engine.Pump.WhenIdleAsync();
        Assert.Contains("one turn of it", Assert.Single(thrown).Message, StringComparison.Ordinal);
        Assert.Equal((1, 10), (await engine.Tally("taker").Get(), await engine.Tally("other").Get()));
    }

    [Fact]
    public async Task A_turn_that_joined_calls_no_other()
    {
        await using var engine = await StartAsync();
        var calls = 0;
        engine.OnDeliver = (_, _) => calls++ == 0 ? engine.Tally("taker").CallOther("other") : Task.CompletedTask;
        await engine.Tally("source").Send(1, Samples.Command(2));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal((2, 0), (calls, await engine.Tally("other").Get()));
    }

    [Fact]
    public async Task Of_many_that_send_to_one_at_once_no_message_is_lost()
    {
        const int Sources = 8;
        const int Rounds = 40;
        await using var engine = await StartAsync();
        await Parallel.ForEachAsync(Enumerable.Range(0, Sources), new ParallelOptions { MaxDegreeOfParallelism = Sources }, async (n, _) =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                await engine.Tally($"source {n}").Send(1, Samples.Command(2));
                await engine.Tally("taker").Add(0);
            }
        });
        await engine.Pump.WhenIdleAsync();
        // What is urgent and could not join may arrive twice; but what arrived has been taken, and what was taken has arrived.
        Assert.Equal(Sources * Rounds, engine.Delivered.Select(d => (d.Source, d.Sequence)).Distinct().Count());
        Assert.Equal(1 + (10 * engine.Delivered.Count), await engine.Tally("taker").Get());
        Assert.Equal(0, engine.Get<TurnQueues>().Running);
    }

    // Command 2 is urgent, and adds ten to the taker; both grains are there.
    private static async Task<EngineHarness> StartAsync()
    {
        var engine = await EngineHarness.StartAsync("postgres");
        engine.Urgent = m => m.Equals(Samples.Command(2));
        engine.Taker = _ => Taker;
        engine.OnDeliver = (_, r) => r.Message.Equals(Samples.Command(2)) ? engine.Tally("taker").Add(10) : Task.CompletedTask;
        await engine.Tally("taker").Add(1);
        await engine.Tally("source").Add(0);
        await engine.Pump.WhenIdleAsync();
        return engine;
    }
}
