using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>Who is waited for before a batch begins, and for how long.</summary>
public sealed class TurnGatheringTests : IDisposable
{
    private readonly ManualTime time = new();
    private readonly TurnGathering gathering;
    private int begun;

    public TurnGatheringTests() => gathering = new TurnGathering(time, () => begun++);

    public void Dispose() => gathering.Dispose();

    [Fact]
    public void Nobody_is_waited_for_before_the_first_batch_and_after_one_of_few_turns()
    {
        Assert.False(gathering.IsWorthWaiting(1));
        gathering.Ended(TurnGathering.WorthWaiting - 1, waiting: 1);
        Assert.False(gathering.IsWorthWaiting(1));
        Assert.Equal(0, begun);
    }

    [Fact]
    public void Those_of_the_last_batch_are_waited_for_until_all_are_there()
    {
        gathering.Ended(turns: 4, waiting: 3);
        Assert.True(gathering.IsWorthWaiting(3));
        Assert.True(gathering.IsWorthWaiting(6));
        Assert.False(gathering.IsWorthWaiting(7));
        gathering.Began();
        Assert.False(gathering.IsWorthWaiting(1));
    }

    [Fact]
    public void They_are_waited_for_no_longer_than_a_moment()
    {
        gathering.Ended(turns: 4, waiting: 3);
        time.Advance(TurnGathering.Longest / 2);
        Assert.True(gathering.IsWorthWaiting(3));
        Assert.True(gathering.IsWorthWaiting(4));
        Assert.Equal(0, begun);
        time.Advance(TurnGathering.Longest / 2);
        Assert.Equal(1, begun);
        Assert.False(gathering.IsWorthWaiting(4));
    }

    [Fact]
    public void So_many_as_are_worth_a_batch_beside_another_wait_for_nobody()
    {
        gathering.Ended(turns: 40, waiting: 20);
        Assert.True(gathering.IsWorthWaiting(PostgresStore.WorthAnother - 1));
        Assert.False(gathering.IsWorthWaiting(PostgresStore.WorthAnother));
    }
}
