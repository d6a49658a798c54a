using System.Collections.Concurrent;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Runtime;

public class OutboxPumpTests
{
    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Each_sources_messages_arrive_once_and_in_order(string store)
    {
        await using var engine = await EngineHarness.StartAsync(store);
        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => engine.Tally($"g{i % 5}").Send(1, Samples.Command(i), Samples.Command(-i)))));
        await engine.Pump.WhenIdleAsync();

        Assert.Equal(400, engine.Delivered.Count);
        foreach (var source in engine.Delivered.GroupBy(d => d.Source))
            Assert.Equal(Enumerable.Range(1, 80).Select(i => (long)i), source.Select(d => d.Sequence));
        Assert.Empty(await engine.Store.ListOutboxSourcesAsync(CancellationToken.None));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_delivery_may_call_grains_whose_messages_are_delivered_in_turn(string store)
    {
        await using var engine = await EngineHarness.StartAsync(store);
        engine.OnDeliver = async (source, _) =>
        {
            if (source.Key.Length < 5)
                await engine.Tally(source.Key + "x").Send(1, Samples.Command(1));
        };
        await engine.Tally("x").Send(1, Samples.Command(1));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal(["x", "xx", "xxx", "xxxx", "xxxxx"], engine.Delivered.Select(d => d.Source.Key).Order());
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_failed_delivery_is_tried_again_with_growing_waits_and_holds_up_its_own_source_only(string store)
    {
        await using var engine = await EngineHarness.StartAsync(store, configure: o => o.OutboxRetryMax = TimeSpan.FromMilliseconds(400));
        var attempts = 0;
        engine.OnDeliver = (source, record) =>
        {
            if (source.Key == "bad" && record.Sequence == 2 && Interlocked.Increment(ref attempts) < 5)
                throw new InvalidTimeZoneException("not now");
            return Task.CompletedTask;
        };
        await engine.Tally("bad").Send(1, Samples.Command(1), Samples.Command(2), Samples.Command(3));
        await engine.Tally("good").Send(1, Samples.Command(1));
        await engine.Pump.WhenQuietAsync();
        Assert.False(engine.Pump.WhenIdleAsync().IsCompleted);

        foreach (var milliseconds in (int[])[100, 200, 400, 400])
        {
            var before = attempts;
            engine.Time.Advance(TimeSpan.FromMilliseconds(milliseconds - 1));
            await engine.Pump.WhenQuietAsync();
            Assert.Equal(before, attempts);
            engine.Time.Advance(TimeSpan.FromMilliseconds(1));
            await engine.Pump.WhenQuietAsync();
            Assert.Equal(before + 1, attempts);
        }

        await engine.Pump.WhenIdleAsync();
        Assert.Equal([1L], engine.Delivered.Where(d => d.Source.Key == "good").Select(d => d.Sequence));
        Assert.Equal([1L, 2, 3], engine.Delivered.Where(d => d.Source.Key == "bad").Select(d => d.Sequence));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_is_urgent_goes_first_and_arrives_once(string store)
    {
        await using var engine = await EngineHarness.StartAsync(store);
        engine.Urgent = m => m.Equals(Samples.Command(2));
        await engine.Pump.WhenIdleAsync();
        await engine.Tally("one").Send(1, Samples.Command(1), Samples.Command(2), Samples.Command(3));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal([2L, 1, 3], engine.Delivered.Select(d => d.Sequence));
        Assert.Empty(await engine.Store.ListOutboxSourcesAsync(CancellationToken.None));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_is_urgent_and_fails_is_delivered_in_its_turn(string store)
    {
        await using var engine = await EngineHarness.StartAsync(store);
        engine.Urgent = m => m.Equals(Samples.Command(2));
        await engine.Pump.WhenIdleAsync();
        var failed = false;
        engine.OnDeliver = (_, record) => record.Sequence != 2 || failed ? Task.CompletedTask : throw (failed = true, new InvalidTimeZoneException("not now")).Item2;
        await engine.Tally("one").Send(1, Samples.Command(1), Samples.Command(2), Samples.Command(3));
        await engine.Pump.WhenQuietAsync();
        Assert.Empty(engine.Delivered);
        engine.Time.Advance(TimeSpan.FromMilliseconds(100));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal([1L, 2, 3], engine.Delivered.Select(d => d.Sequence));
    }

    [Fact]
    public async Task What_is_urgent_does_not_wait_for_whoever_has_the_claim()
    {
        await using var engine = await EngineHarness.StartAsync("postgres");
        engine.Urgent = m => m.Equals(Samples.Command(2));
        await engine.Pump.WhenIdleAsync();
        var arrived = new TaskCompletionSource<OutboxMessage>();
        engine.OnDeliver = (_, record) =>
        {
            arrived.TrySetResult(record.Message);
            return Task.CompletedTask;
        };
        await using var claim = await engine.Store.ClaimOutboxAsync(new GrainId("tally", "one"), 1, wait: false, CancellationToken.None);
        Assert.NotNull(claim);
        await engine.Tally("one").Send(1, Samples.Command(1), Samples.Command(2));
        Assert.Equal(Samples.Command(2), await arrived.Task.WaitAsync(TimeSpan.FromMinutes(2)));
    }

    /// <summary>Time stands still: what a signal that was lost left lying would lie there until the test gives up.</summary>
    [Theory]
    [MemberData(nameof(Stores))]
    public async Task No_signal_is_lost_wherever_a_pass_is_when_it_comes(string store)
    {
        await using var engine = await EngineHarness.StartAsync(store);
        engine.Urgent = m => m is OutboxMessage.ConfirmGrant { RequestId: [.., '3' or '7'] };
        var bus = engine.Get<IClusterBus>();
        await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Task.Run(async () =>
        {
            var source = $"g{i % 2}";
            await engine.Tally(source).Send(1, Samples.Command(2 * i), Samples.Command((2 * i) + 1));
            // As another process would have it: about what this one knows already, or has just delivered.
            if (i % 3 == 0)
                bus.Publish(new BusMessage(BusTopics.Outbox, $"tally/{source}"));
        })));
        await engine.Pump.WhenIdleAsync().WaitAsync(TimeSpan.FromMinutes(2));

        Assert.Empty(await engine.Store.ListOutboxSourcesAsync(CancellationToken.None));
        // What is urgent may come twice, and out of order; nothing else does.
        Assert.Equal(600, engine.Delivered.Select(d => (d.Source, d.Sequence)).Distinct().Count());
        foreach (var source in engine.Delivered.Where(d => !engine.Urgent(d.Message)).GroupBy(d => d.Source))
            Assert.Equal(source.Select(d => d.Sequence).Distinct().Order(), source.Select(d => d.Sequence));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Who_listens_to_news_cannot_keep_messages_from_being_delivered(string store)
    {
        await using var engine = await EngineHarness.StartAsync(store, add: s => s.AddSingleton<ICommitNews>(new News()));
        using var listening = engine.Get<IClusterBus>().Subscribe(BusTopics.View, _ => throw new InvalidTimeZoneException("a listener fails"));
        await engine.Tally("one").Send(1, Samples.Command(1));
        await engine.Pump.WhenIdleAsync().WaitAsync(TimeSpan.FromMinutes(2));
        Assert.Equal(1L, Assert.Single(engine.Delivered).Sequence);
        Assert.Equal(1, await engine.Tally("one").Get());
    }

    [Fact]
    public async Task Nothing_is_delivered_before_whoever_takes_it_is_ready()
    {
        var ready = new TaskCompletionSource();
        await using var engine = await EngineHarness.StartAsync("memory", configure: o => o.DeliverAfter = _ => ready.Task);
        await engine.Tally("one").Send(1, Samples.Command(1));
        Assert.False(engine.Pump.WhenIdleAsync().IsCompleted);
        Assert.Empty(engine.Delivered);
        ready.SetResult();
        await engine.Pump.WhenIdleAsync();
        Assert.Single(engine.Delivered);
    }

    [Fact]
    public async Task A_message_that_was_read_before_the_store_went_back_reaches_nobody_after_it()
    {
        var epoch = new Epoch();
        await using var engine = await EngineHarness.StartAsync("memory", add: s => s.AddSingleton<IStoreEpoch>(epoch));
        var attempts = 0;
        engine.OnDeliver = async (_, _) =>
        {
            if (Interlocked.Increment(ref attempts) == 1)
                epoch.Current = "2";
            await engine.Tally("told").Add(1);
        };
        await engine.Tally("one").Send(1, Samples.Command(1));
        await engine.Pump.WhenQuietAsync();
        Assert.Equal(1, attempts);
        Assert.Equal(0, await engine.Tally("told").Get());
        // What the store still has is read again, and is of the store as it is.
        engine.Time.Advance(TimeSpan.FromMilliseconds(100));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal(2, attempts);
        Assert.Equal(1, await engine.Tally("told").Get());
    }

    [Fact]
    public async Task What_a_delivery_left_running_is_not_of_its_epoch()
    {
        var epoch = new Epoch();
        await using var engine = await EngineHarness.StartAsync("memory", add: s => s.AddSingleton<IStoreEpoch>(epoch));
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<int>? later = null;
        engine.OnDeliver = (_, _) =>
        {
            later = Later();
            return Task.CompletedTask;
        };
        await engine.Tally("one").Send(1, Samples.Command(1));
        await engine.Pump.WhenIdleAsync();
        epoch.Current = "2";
        over.SetResult();
        Assert.Equal(1, await later!);

        async Task<int> Later()
        {
            await over.Task;
            return await engine.Tally("told").Add(1);
        }
    }

    [Fact]
    public async Task What_a_crash_left_over_is_delivered_at_the_next_start()
    {
        using var folder = new TempFolder();
        await using (var first = EngineHarness.Create("sqlite", folder.Path))
        {
            // Its pump never ran.
            for (var i = 0; i < 100; i++)
                await first.Tally($"g{i % 3}").Send(1, Samples.Command(i));
        }

        await using var second = await EngineHarness.StartAsync("sqlite", folder.Path);
        await second.Pump.WhenIdleAsync();
        Assert.Equal(100, second.Delivered.Count);
        foreach (var source in second.Delivered.GroupBy(d => d.Source))
            Assert.Equal(source.Select(d => d.Sequence).Order(), source.Select(d => d.Sequence));
    }

    [Fact]
    public async Task A_message_whose_delivery_was_cut_off_comes_again()
    {
        using var folder = new TempFolder();
        await using (var first = EngineHarness.Create("sqlite", folder.Path))
        {
            var reached = new TaskCompletionSource();
            first.OnDeliver = async (_, _) =>
            {
                reached.TrySetResult();
                await Task.Delay(Timeout.Infinite, first.Stopping);
            };
            await first.Tally("one").Send(1, Samples.Command(1));
            await first.StartServicesAsync();
            await reached.Task;
            first.Stop();
        }

        await using var second = await EngineHarness.StartAsync("sqlite", folder.Path);
        await second.Pump.WhenIdleAsync();
        Assert.Equal(1L, Assert.Single(second.Delivered).Sequence);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Observers_hear_of_a_commit_before_its_caller_and_cannot_fail_it(string store)
    {
        var observer = new Observer();
        await using var engine = EngineHarness.Create(store, add: s => s.AddSingleton<ICommitObserver>(new Thrower()).AddSingleton<ICommitObserver>(observer));
        await engine.Tally("one").Send(1, Samples.Command(1), new OutboxMessage.ShowRequest(Samples.Request("rq_1")));
        var (source, messages) = Assert.Single(observer.Seen);
        Assert.Equal(new GrainId("tally", "one"), source);
        Assert.Collection(messages, m => Assert.IsType<OutboxMessage.ConfirmGrant>(m), m => Assert.IsType<OutboxMessage.ShowRequest>(m));
        Assert.Equal(1, await engine.Tally("one").Get());
    }

    // Of a store that processes share, a search may find the message before its turn has told anybody.
    [Theory]
    [InlineData("memory")]
    [InlineData("sqlite")]
    public async Task What_a_turn_sends_goes_out_once_observers_have_heard_of_it(string store)
    {
        var observer = new Observer { Takes = 1_000_000 };
        await using var engine = await EngineHarness.StartAsync(store, add: s => s.AddSingleton<ICommitObserver>(observer));
        await engine.Pump.WhenIdleAsync();
        var early = new ConcurrentQueue<GrainId>();
        engine.OnDeliver = (source, _) =>
        {
            if (observer.Seen.All(s => s.Item1 != source))
                early.Enqueue(source);
            return Task.CompletedTask;
        };
        for (var i = 0; i < 10; i++)
            await engine.Tally($"g{i}").Send(1, Samples.Command(i));
        await engine.Pump.WhenIdleAsync();
        Assert.Equal(10, engine.Delivered.Count);
        Assert.Empty(early);
    }

    private sealed class Epoch : IStoreEpoch
    {
        private volatile string current = "1";

        public event EventHandler? Changed
        {
            add { }
            remove { }
        }

        public string Current
        {
            get => current;
            set => current = value;
        }
    }

    private sealed class Observer : ICommitObserver
    {
        public ConcurrentQueue<(GrainId, IReadOnlyList<OutboxMessage>)> Seen { get; } = [];

        /// <summary>Turns of a loop before it has heard.</summary>
        public int Takes { get; init; }

        public void Committed(GrainId source, IReadOnlyList<OutboxMessage> messages)
        {
            Thread.SpinWait(Takes);
            Seen.Enqueue((source, messages));
        }
    }

    private sealed class News : ICommitNews
    {
        public IEnumerable<BusMessage> Of(IReadOnlyList<OutboxMessage> messages) => messages.Select(_ => new BusMessage(BusTopics.View, "somebody"));
    }

    private sealed class Thrower : ICommitObserver
    {
        public void Committed(GrainId source, IReadOnlyList<OutboxMessage> messages) => throw new InvalidTimeZoneException("an observer fails");
    }
}
