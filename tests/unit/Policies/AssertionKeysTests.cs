using JitGrains.Assertions;

namespace JitGrains.UnitTests.Policies;

/// <summary>When keys of assertions come, sign and go.</summary>
public class AssertionKeysTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);
    private readonly AssertionKeysMachine machine = new();
    private AssertionKeysState state = new();
    private DateTimeOffset now = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private int made;

    [Fact]
    public void The_first_key_signs_at_once_and_the_next_is_published_an_hour_before()
    {
        var first = Assert.Single(Offer());
        Assert.Equal((now, now + Day, now + Day + TimeSpan.FromMinutes(10)), (first.SignsFrom, first.SignsUntil, first.PublishedUntil));
        // Whoever else offers one gets the one that is there.
        Assert.Equal([first], Offer());
        now += Day - TimeSpan.FromMinutes(61);
        Assert.Equal([first], Offer());
        now += TimeSpan.FromMinutes(1);
        var both = Offer();
        Assert.Equal([first, both[1]], both);
        Assert.Equal((first.SignsUntil, first.SignsUntil + Day), (both[1].SignsFrom, both[1].SignsUntil));
        Assert.Equal(both, Offer());
    }

    [Fact]
    public void A_key_is_published_until_its_last_token_has_ended_and_then_gone()
    {
        var first = Offer()[0];
        now = first.SignsUntil;
        var second = Offer()[^1];
        now = first.PublishedUntil - TimeSpan.FromTicks(1);
        Assert.Equal([first, second], AssertionKeysMachine.View(state, now).Keys.ToArray());
        now = first.PublishedUntil;
        Assert.Equal([second], AssertionKeysMachine.View(state, now).Keys.ToArray());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1.5)]
    [InlineData(24)]
    [InlineData(24 * 30)]
    public void At_any_time_exactly_one_key_signs_and_it_has_been_published_for_longer_than_it_may_be_cached(double hours)
    {
        var rotation = TimeSpan.FromHours(hours);
        var step = TimeSpan.FromMinutes(5);
        var published = new Dictionary<string, DateTimeOffset>(StringComparer.Ordinal);
        for (var i = 0; i < 20_000; i++, now += step)
        {
            var keys = Offer(rotation);
            Assert.InRange(keys.Length, 1, 3);
            foreach (var key in keys)
                published.TryAdd(key.KeyId, now);
            var signing = Assert.Single(keys, k => now >= k.SignsFrom && now < k.SignsUntil);
            if (signing.KeyId != "key-1")
                Assert.True(now - published[signing.KeyId] >= TimeSpan.FromMinutes(25));
        }
    }

    [Fact]
    public void After_a_long_silence_a_new_key_signs_at_once_and_nothing_of_the_old_one_is_left()
    {
        Offer();
        now += TimeSpan.FromDays(40);
        Assert.Equal(now, Assert.Single(Offer()).SignsFrom);
        Assert.Single(state.Keys);
    }

    [Fact]
    public void What_is_offered_twice_is_taken_once_and_odd_rotations_are_brought_within_bounds()
    {
        var command = new OfferAssertionKey("k", "x", "y", "s", TimeSpan.FromSeconds(1));
        var decision = AssertionKeysMachine.Decide(state, command, now);
        state = decision.Events.Aggregate(state, machine.Apply);
        Assert.Equal(now + AssertionKeysMachine.LeastRotation, state.Keys[0].SignsUntil);
        now += TimeSpan.FromMinutes(45);
        Assert.Empty(AssertionKeysMachine.Decide(state, command, now).Events);
        Assert.DoesNotContain("s,", command.ToString(), StringComparison.Ordinal);
    }

    private AssertionKey[] Offer(TimeSpan? rotation = null)
    {
        var decision = AssertionKeysMachine.Decide(state, new OfferAssertionKey($"key-{made + 1}", "x", "y", "sealed", rotation ?? Day), now);
        made += decision.Events.Length;
        state = decision.Events.Aggregate(state, machine.Apply);
        return [.. decision.Reply.Value!.Keys];
    }
}
