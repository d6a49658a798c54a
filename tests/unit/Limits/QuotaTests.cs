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

    private int Ask(string gateway, int inUse = 0, long demand = 100, int total = 100)
    {
        var decision = QuotaMachine.Decide(state, new LeaseQuota(gateway, total, inUse, demand, Lease), now);
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
        state = QuotaMachine.Decide(state, new ReturnQuota("b")).Events.Aggregate(state, machine.Apply);
        Assert.Equal(100, Ask("a"));
        Assert.Single(state.Holdings);
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
}
