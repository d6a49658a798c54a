using System.Collections.Concurrent;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>The bus between processes: quick where it can be, and it says so where it may have lost something.</summary>
public sealed class BusTests
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task Everything_arrives_in_order_however_much_and_however_long()
    {
        await using var first = await StartAsync(null);
        await using var second = await StartAsync(first.Database);
        BusMessage[] sent = [.. Enumerable.Range(0, 2_000).Select(n => new BusMessage("test", $"key {n}", n % 100 == 0 ? new string('ü', 3_000) : n % 2 == 0 ? "data" : null))];
        var received = new ConcurrentQueue<BusMessage>();
        var own = new ConcurrentQueue<BusMessage>();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var other = second.Get<IClusterBus>().Subscribe("other", _ => Assert.Fail("of another topic"));
        using var subscription = second.Get<IClusterBus>().Subscribe("test", message =>
        {
            received.Enqueue(message);
            if (received.Count == sent.Length)
                all.SetResult();
        });
        using var ownSubscription = first.Get<IClusterBus>().Subscribe("test", own.Enqueue);
        foreach (var message in sent)
            first.Get<IClusterBus>().Publish(message);
        Assert.Equal(sent, own);
        await all.Task.WaitAsync(Minute);
        Assert.Equal(sent, received);
    }

    [Fact]
    public async Task News_of_turns_arrive_once_in_every_process_and_not_of_what_was_not_written()
    {
        await using var first = await EngineHarness.StartAsync("postgres", add: s => s.AddSingleton<ICommitNews, Said>());
        await using var second = await StartAsync(first.Database);
        EngineHarness[] engines = [first, second];
        var heard = engines.Select(_ => new ConcurrentQueue<string>()).ToArray();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = 0;
        foreach (var (engine, keys) in engines.Zip(heard))
        {
            engine.Get<IClusterBus>().Subscribe("said", m => keys.Enqueue(m.Key));
            engine.Get<IClusterBus>().Subscribe("end", _ =>
            {
                if (Interlocked.Increment(ref ended) == engines.Length)
                    all.SetResult();
            });
        }

        // Alone, and several in one transaction.
        await first.Tally("0").Send(1, Samples.Command(0));
        await Task.WhenAll(Enumerable.Range(1, 20).Select(n => first.Tally($"{n}").Send(1, Samples.Command(n), Samples.Command(100 + n))));
        await first.Tally("quiet").Add(1);
        first.Get<IClusterBus>().Publish(new BusMessage("end", ""));
        await all.Task.WaitAsync(Minute);

        string[] expected = [.. Enumerable.Range(0, 21).Concat(Enumerable.Range(101, 20)).Select(n => $"rq_{n}").Order(StringComparer.Ordinal)];
        Assert.Equal(expected, heard[0].Order(StringComparer.Ordinal));
        Assert.Equal(expected, heard[1].Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("CREATE TRIGGER refuse AFTER INSERT ON outbox")]
    [InlineData("CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED")]
    public async Task What_fails_before_or_at_its_commit_is_told_nobody(string trigger)
    {
        await using var first = await EngineHarness.StartAsync("postgres", add: s => s.AddSingleton<ICommitNews, Said>());
        await using var second = await StartAsync(first.Database);
        var heard = new ConcurrentQueue<string>();
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var said = second.Get<IClusterBus>().Subscribe("said", m => heard.Enqueue(m.Key));
        using var ended = second.Get<IClusterBus>().Subscribe("end", _ => end.TrySetResult());
        await Database.RunAsync(first.Database!, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'no'; END$$");
        await Database.RunAsync(first.Database!, $"{trigger} FOR EACH ROW EXECUTE FUNCTION refuse()");
        await Assert.ThrowsAnyAsync<Exception>(() => first.Tally("0").Send(1, Samples.Command(0)));
        await Database.RunAsync(first.Database!, "DROP TRIGGER refuse ON outbox");
        await first.Tally("0").Send(1, Samples.Command(1));
        first.Get<IClusterBus>().Publish(new BusMessage("end", ""));
        await end.Task.WaitAsync(Minute);
        Assert.Equal(["rq_1"], heard);
    }

    private sealed class Said : ICommitNews
    {
        public IEnumerable<BusMessage> Of(IReadOnlyList<OutboxMessage> messages) =>
            messages.OfType<OutboxMessage.ConfirmGrant>().Select(m => new BusMessage("said", m.RequestId));
    }

    [Fact]
    public async Task What_is_for_one_process_reaches_no_other()
    {
        await using var first = await StartAsync(null);
        await using var second = await StartAsync(first.Database);
        await using var third = await StartAsync(first.Database);
        IClusterBus[] buses = [first.Get<IClusterBus>(), second.Get<IClusterBus>(), third.Get<IClusterBus>()];
        var heard = buses.Select(_ => new ConcurrentQueue<string>()).ToArray();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var ended = 0;
        foreach (var (bus, keys) in buses.Zip(heard))
        {
            bus.Subscribe("test", m => keys.Enqueue(m.Key));
            bus.Subscribe("end", _ =>
            {
                if (Interlocked.Increment(ref ended) == buses.Length)
                    all.SetResult();
            });
        }

        foreach (var (to, n) in buses.Select((b, n) => (b.Address, n)))
            buses[0].Publish(new BusMessage("test", $"{n}", To: to));
        buses[0].Publish(new BusMessage("end", ""));
        await all.Task.WaitAsync(Minute);
        for (var n = 0; n < buses.Length; n++)
            Assert.Equal([$"{n}"], heard[n]);
    }

    [Fact]
    public async Task What_answers_a_notification_takes_the_connection_that_it_came_by()
    {
        await using var asks = await StartAsync(null);
        await using var answers = await StartAsync(asks.Database);
        var (asking, answering) = (asks.Get<IClusterBus>(), answers.Get<IClusterBus>());
        var heard = new ConcurrentQueue<string>();
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var asked = answering.Subscribe("ask", m => answering.Publish(new BusMessage("answer", m.Key, To: asking.Address)));
        using var answered = asking.Subscribe("answer", m =>
        {
            heard.Enqueue(m.Key);
            if (heard.Count == 100)
                all.SetResult();
        });
        var listening = (string)(await Database.RunAsync(
            asks.Database!, "SELECT string_agg(pid::text, ',') FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"))!;
        for (var n = 0; n < 100; n++)
            asking.Publish(new BusMessage("ask", $"{n}"));
        await all.Task.WaitAsync(Minute);
        Assert.Equal(Enumerable.Range(0, 100).Select(n => $"{n}"), heard);
        // What one of the two did last is to send; the other has nothing to answer.
        Assert.Equal(1L, await Database.RunAsync(asks.Database!, $"SELECT count(*) FROM pg_stat_activity WHERE pid IN ({listening}) AND query LIKE '%pg_notify%'"));
    }

    [Fact]
    public async Task A_lost_connection_is_made_anew_and_said_to_have_been_lost()
    {
        await using var first = await StartAsync(null);
        await using var second = await StartAsync(first.Database);
        var bus = second.Get<IClusterBus>();
        for (var round = 0; round < 3; round++)
        {
            var resumed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            void Resumed(object? sender, EventArgs e) => resumed.TrySetResult();
            bus.Resumed += Resumed;
            Assert.NotEqual(0, await Database.CutAsync(first.Database!, "LISTEN jitgrains"));
            await resumed.Task.WaitAsync(Minute);
            bus.Resumed -= Resumed;

            // The sender's own line was not cut; what it sends from here on arrives.
            var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using var subscription = bus.Subscribe("test", _ => heard.TrySetResult());
            first.Get<IClusterBus>().Publish(new BusMessage("test", $"round {round}"));
            await heard.Task.WaitAsync(Minute);
        }
    }

    [Fact]
    public async Task A_database_that_does_not_answer_keeps_nobody_from_publishing()
    {
        await using var server = await PostgresServer.StartAsync(durable: false);
        await using var engine = await StartAsync(await server.CreateDatabaseAsync());
        await server.SuspendAsync();
        var heard = 0;
        using var subscription = engine.Get<IClusterBus>().Subscribe("test", _ => heard++);
        for (var n = 0; n < 50_000; n++)
            engine.Get<IClusterBus>().Publish(new BusMessage("test", $"{n}"));
        Assert.Equal(50_000, heard);
        await server.ResumeAsync();
    }

    [Fact]
    public void What_others_send_that_is_no_message_is_passed_over()
    {
        foreach (var text in (string[])["", "x", "null", "{}", "[]", "[1,2,3,4]", """["s","t","k"]""", """["s",null,"k","d"]""", """["me","t","k","d"]"""])
            Assert.Empty(PostgresPayload.Read("me", text));
        Assert.Equal([new BusMessage("t", "k")], PostgresPayload.Read("me", """["s","t","k",null]"""));
    }

    private static async Task<EngineHarness> StartAsync(string? database)
    {
        var engine = await EngineHarness.StartAsync("postgres", database: database);
        await engine.Get<PostgresBus>().Listening.WaitAsync(Minute);
        return engine;
    }
}
