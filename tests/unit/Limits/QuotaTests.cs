using FsCheck;
using FsCheck.Fluent;
using JitGrains.Limits;
using JitGrains.Quotas;

namespace JitGrains.UnitTests.Limits;

/// <summary>Who may give away how much of a shared limit.</summary>
public class QuotaTests
{
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private static readonly DateTimeOffset Start = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly QuotaMachine machine = new();
    private QuotaState state = new();
    private DateTimeOffset now = Start;

    private int Ask(string gateway, int inUse = 0, long demand = 100, int total = 100, int? held = null, int returns = 0)
    {
        var decision = QuotaMachine.Decide(state, new LeaseQuota(gateway, total, inUse, demand, Lease, held, TimeSpan.FromSeconds(returns)), now);
        state = decision.Events.Aggregate(state, machine.Apply);
        return decision.Reply.Value!.Parts;
    }

    [Fact]
    public void Parts_follow_demand_and_everybody_has_some()
    {
        Assert.Equal(100, Ask("a"));
        Assert.Equal(6, Ask("b"));
        Assert.Equal(50, Ask("a"));
        Assert.Equal(50, Ask("b"));
        Assert.Equal(6, Ask("a", demand: 0));
        Assert.Equal(94, Ask("b", demand: 300));
        Assert.Equal(new QuotaView(100, 2), QuotaMachine.View(state, now));
    }

    [Fact]
    public void What_is_in_use_stays_where_it_is()
    {
        Ask("a");
        Ask("a", inUse: 80, demand: 0);
        Assert.Equal(6, Ask("b", demand: 1000));
        Assert.Equal(80, Ask("a", inUse: 80, demand: 0));
        Assert.Equal(20, Ask("b", demand: 1000));
        Ask("a", demand: 0);
        Assert.Equal(94, Ask("b", demand: 1000));
    }

    [Fact]
    public void A_gateway_that_is_gone_leaves_its_part_once_its_lease_is_over_or_returned()
    {
        Ask("a");
        Ask("b");
        Ask("a");
        Ask("b");
        now += Lease - TimeSpan.FromMilliseconds(1);
        Assert.Equal(50, Ask("a"));
        now += TimeSpan.FromMilliseconds(1);
        Assert.Equal(100, Ask("a"));
        Ask("b");
        Ask("a");
        Ask("b");
        state = QuotaMachine.Decide(state, new ReturnQuota("b"), now).Events.Aggregate(state, machine.Apply);
        Assert.Equal(100, Ask("a"));
        Assert.Single(state.Holdings);
    }

    [Fact]
    public void What_a_gateway_gives_up_is_nobodys_before_it_has_said_so()
    {
        Ask("a");
        Ask("b");
        // Told 50, it goes on with 100 until it hears so.
        Assert.Equal(50, Ask("a", held: 100));
        Assert.Equal(6, Ask("b", held: 6));
        // Answers that are lost change nothing for the others.
        Assert.Equal(50, Ask("a", held: 100));
        Assert.Equal(6, Ask("b", held: 6));
        Assert.Equal(50, Ask("a", held: 50));
        Assert.Equal(50, Ask("b", held: 6));
        // Nor is what it has used there before it is back.
        Assert.Equal(6, Ask("a", held: 50, inUse: 50, demand: 0));
        Assert.Equal(50, Ask("b", held: 50, demand: 500));
        Assert.Equal(6, Ask("a", held: 6, inUse: 30, demand: 0));
        Assert.Equal(70, Ask("b", held: 50, demand: 500));
    }

    [Fact]
    public void Demand_that_is_not_quite_steady_moves_nothing()
    {
        Ask("a", total: 1000);
        Ask("b", total: 1000);
        Ask("a", held: 1000, total: 1000);
        Ask("a", held: 500, total: 1000);
        Ask("b", held: 62, total: 1000);
        Assert.Equal(500, Ask("a", held: 500, demand: 95, total: 1000));
        Assert.Equal(500, Ask("b", held: 500, demand: 100, total: 1000));
    }

    [Fact]
    public void What_a_gateway_that_is_gone_has_used_comes_back_in_its_own_time()
    {
        Ask("a", inUse: 70, returns: 30);
        Ask("b");
        now += Lease;
        Assert.Equal(30, Ask("b", held: 6));
        now += TimeSpan.FromSeconds(20) - TimeSpan.FromMilliseconds(1);
        Assert.Equal(30, Ask("b", held: 30));
        now += TimeSpan.FromMilliseconds(1);
        Assert.Equal(100, Ask("b", held: 30));
        // Given back in order, it is there at once, but for what was used.
        state = QuotaMachine.Decide(state, new ReturnQuota("b", 40, TimeSpan.FromSeconds(5)), now).Events.Aggregate(state, machine.Apply);
        Assert.Equal(60, Ask("c"));
        Assert.Equal(new QuotaView(60, 1), QuotaMachine.View(state, now));
        now += TimeSpan.FromSeconds(5);
        Assert.Equal(100, Ask("c", held: 60));
        Assert.Single(state.Holdings);
    }

    [Fact]
    public void Who_comes_back_counts_once_and_those_that_are_gone_are_not_kept_without_end()
    {
        Ask("a", inUse: 70, returns: 30);
        now += Lease;
        Assert.Equal(30, Ask("b"));
        Assert.Equal(70, Ask("a", held: 70, inUse: 70, demand: 1000));
        for (var i = 0; i < 2000; i++)
        {
            Ask($"g{i}", inUse: 1, returns: 100_000);
            now += Lease;
        }

        Assert.InRange(state.Holdings.Count, QuotaMachine.MaxGone, QuotaMachine.MaxGone + 2);
    }

    [Fact]
    public void There_is_never_more_out_than_there_is_but_for_the_least_parts() => Check.QuickThrowOnFailure(Prop.ForAll(
        Arb.From(Gen.Choose(0, 4).SelectMany(g => Gen.Choose(0, 1000).SelectMany(d => Gen.Choose(0, 3).Select(s => (Gateway: g, Demand: d, Seconds: s)))).ArrayOf()),
        steps =>
        {
            (state, now) = (new QuotaState(), Start);
            foreach (var step in steps)
            {
                now += TimeSpan.FromSeconds(step.Seconds);
                Ask($"g{step.Gateway}", demand: step.Demand);
                if (QuotaMachine.View(state, now) is var view && view.Parts > 100 + (QuotaMachine.Least(100) * view.Gateways))
                    return false;
            }

            return true;
        }));

    [Fact]
    public void A_table_says_how_much_of_it_is_in_use_and_keeps_that_when_its_part_changes()
    {
        var second = LimitClock.Fine(TimeSpan.FromSeconds(1));
        var table = LimitTable.For(new LimitTerms(LimitAlgorithm.Bucket, 10, TimeSpan.FromSeconds(1), 100), 1024);
        for (var i = 0; i < 40; i++)
            Assert.True(table.TryTake(7, 0, out _, out _));
        Assert.True(table.TryTake(9, 0, out _, out _));
        Assert.Equal(4000, table.InUse(0));
        table.Hold(5000, 0);
        Assert.Equal(10, table.Look(7, 0).Remaining);
        Assert.Equal(15, table.Look(7, second).Remaining);
        table.Hold(10_000, second);
        Assert.Equal(65, table.Look(7, second).Remaining);
    }

    [Fact]
    public void A_part_ends_by_itself_when_its_lease_is_over()
    {
        var second = LimitClock.Fine(TimeSpan.FromSeconds(1));
        var table = LimitTable.For(new LimitTerms(LimitAlgorithm.Window, 100, TimeSpan.FromHours(1), 100), 1024);
        table.Hold(90, 0, until: 10 * second, thereafter: 50);
        for (var i = 0; i < 49; i++)
            Assert.True(table.TryTake(7, (10 * second) - 1, out _, out _));
        Assert.True(table.TryTake(7, 10 * second, out _, out _));
        Assert.False(table.TryTake(7, 10 * second, out _, out _));
        // Leased again before that, it goes on.
        table.Hold(90, 10 * second, until: 20 * second, thereafter: 50);
        table.Hold(90, 19 * second, until: 29 * second, thereafter: 50);
        Assert.True(table.TryTake(7, 20 * second, out _, out _));
    }
}
