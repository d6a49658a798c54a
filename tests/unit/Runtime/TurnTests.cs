using JitGrains.Runtime.Engine;
using Microsoft.Extensions.Options;

namespace JitGrains.UnitTests.Runtime;

public class TurnTests
{
    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Turns_of_one_grain_run_one_after_the_other_and_of_many_at_once(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var calls = Enumerable.Range(0, 2_000).Select(i => Task.Run(() => engine.Tally($"grain-{i % 4}").AddWithPause())).ToArray();
        var sums = await Task.WhenAll(calls);

        for (var grain = 0; grain < 4; grain++)
        {
            Assert.Equal(500, await engine.Tally($"grain-{grain}").Get());
            Assert.Equal(Enumerable.Range(1, 500), sums.Where((_, i) => i % 4 == grain).Order());
        }

        Assert.Equal(0, engine.Get<TurnQueues>().Running);
        Assert.Equal(0, engine.Get<TurnQueues>().Waiting);
    }

    [Fact]
    public async Task Waiting_turns_run_in_the_order_in_which_they_came()
    {
        var queues = new TurnQueues();
        var grain = new GrainId("tally", "one");
        await queues.EnterAsync(grain);
        var order = new List<int>();
        var waiting = Enumerable.Range(0, 100).Select(async i =>
        {
            await queues.EnterAsync(grain);
            order.Add(i);
            queues.Leave(grain);
        }).ToArray();
        Assert.Equal(100, queues.Waiting);
        queues.Leave(grain);
        await Task.WhenAll(waiting);

        Assert.Equal(Enumerable.Range(0, 100), order);
        Assert.Equal((0, 0), (queues.Running, queues.Waiting));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Each_turn_has_an_instance_of_its_own(string store)
    {
        await using var engine = EngineHarness.Create(store);
        for (var i = 0; i < 3; i++)
            await engine.Tally("one").Add(1);
        Assert.Equal(3, engine.Log.Instances.Distinct(ReferenceEqualityComparer.Instance).Count());
    }

    [Theory]
    [InlineData("other")]
    [InlineData("one")]
    public async Task A_turn_that_calls_a_grain_throws_and_leaves_nothing_behind(string callee)
    {
        await using var engine = EngineHarness.Create("memory");
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => engine.Tally("one").CallOther(callee));
        Assert.Contains("a turn never calls another grain", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, await engine.Tally(callee).Get());
        Assert.Equal(0, engine.Get<TurnQueues>().Running);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_a_turn_wrote_before_it_threw_stays_and_what_it_had_not_written_goes(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => engine.Tally("one").AddThenThrow(5));
        Assert.Equal(5, await engine.Tally("one").Get());
        Assert.False(await engine.Tally("one").HasReminder("after"));

        await Assert.ThrowsAsync<InvalidTimeZoneException>(() => engine.Tally("one").RemindThenThrow("early", TimeSpan.Zero));
        Assert.False(await engine.Tally("one").HasReminder("early"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Round_trips_keep_callers_and_grains_from_sharing_objects(bool roundTrip)
    {
        await using var engine = EngineHarness.Create("memory", configure: o => o.RoundTripCalls = roundTrip);
        var mine = new List<int> { 7 };
        var answer = await engine.Tally("one").AddToList(mine);
        Assert.Equal([7, 1], answer);
        Assert.Equal(roundTrip, !ReferenceEquals(mine, answer));
        Assert.Equal(roundTrip ? [7] : [7, 1], mine);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_turns_time_is_the_time_providers(string store)
    {
        await using var engine = EngineHarness.Create(store);
        engine.Time.Advance(TimeSpan.FromHours(5));
        Assert.Equal(engine.Time.GetUtcNow(), await engine.Tally("one").Now());
    }

    [Fact]
    public void Every_problem_of_the_options_is_listed_at_once()
    {
        var refused = Assert.Throws<OptionsValidationException>(() => EngineHarness.Create("memory", configure: o =>
        {
            o.DataFolder = "somewhere";
            o.OutboxParallelism = 0;
            o.ReminderPoll = TimeSpan.Zero;
            o.AddGrain<TallyGrain>();
            o.AddGrain<Nameless>();
        }));
        Assert.Collection(
            refused.Failures,
            f => Assert.Contains("choose one store", f, StringComparison.Ordinal),
            f => Assert.Contains("OutboxParallelism is 0", f, StringComparison.Ordinal),
            f => Assert.Contains("ReminderPoll", f, StringComparison.Ordinal),
            f => Assert.Contains("share the name tally", f, StringComparison.Ordinal),
            f => Assert.Contains("both implement ITallyGrain", f, StringComparison.Ordinal),
            f => Assert.Contains("Nameless has no [GrainType] name", f, StringComparison.Ordinal),
            f => Assert.Contains("INameless.Now must be a plain method that returns Task", f, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_reference_needs_a_key_and_a_hosted_class()
    {
        await using var engine = EngineHarness.Create("memory");
        Assert.Throws<ArgumentException>(() => engine.Tally(""));
        var refused = Assert.Throws<InvalidOperationException>(() => engine.Get<IGrainFactory>().GetGrain<INameless>("one"));
        Assert.Contains("no grain class is registered for", refused.Message, StringComparison.Ordinal);
    }

    public interface INameless : IGrainWithStringKey
    {
        DateTimeOffset Now();
    }

    private sealed class Nameless : Grain, INameless
    {
        public DateTimeOffset Now() => default;
    }
}
