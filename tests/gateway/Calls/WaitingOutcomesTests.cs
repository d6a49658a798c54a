using JitGrains.Gateway.Executions;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Calls;

/// <summary>One timer serves the outcomes of all callers.</summary>
public sealed class WaitingOutcomesTests : IDisposable
{
    private static readonly TimeSpan Within = TimeSpan.FromMilliseconds(20);

    private readonly ManualTime time = new();
    private readonly WaitingOutcomes outcomes;
    private readonly List<string> waited = [];

    public WaitingOutcomesTests() => outcomes = new WaitingOutcomes(Within, time, (caller, commands) => waited.AddRange(commands.Select(c => $"{caller} {c.ExecutionId}")));

    public void Dispose() => outcomes.Dispose();

    [Fact]
    public void Each_caller_has_its_own_moment()
    {
        outcomes.Add("alice", Outcome("ex_1"));
        time.Advance(Within / 4);
        outcomes.Add("bob", Outcome("ex_2"));
        outcomes.Add("alice", Outcome("ex_3"));
        time.Advance(Within / 4);
        outcomes.Add("carol", Outcome("ex_4"));
        Assert.Equal(["ex_2"], outcomes.Take("bob").Select(o => o.ExecutionId));
        time.Advance(Within / 2);
        Assert.Equal(["alice ex_1", "alice ex_3"], waited);
        time.Advance(Within / 4);
        Assert.Equal(2, waited.Count);
        time.Advance(Within / 4);
        Assert.Equal(["alice ex_1", "alice ex_3", "carol ex_4"], waited);
        Assert.Equal(4, outcomes.Open);
        outcomes.Done(4);
        Assert.Equal(0, outcomes.Open);

        // It is set anew once all had been looked at.
        outcomes.Add("bob", Outcome("ex_5"));
        time.Advance(Within);
        Assert.Equal("bob ex_5", waited[^1]);
    }

    [Fact]
    public void At_the_end_nothing_waits_any_more()
    {
        outcomes.Add("alice", Outcome("ex_1"));
        outcomes.End();
        Assert.Equal(["alice ex_1"], waited);
        outcomes.Add("bob", Outcome("ex_2"));
        Assert.Equal(["alice ex_1", "bob ex_2"], waited);
    }

    private OutcomeCommand Outcome(string id) =>
        new(id, new ExecutionOutcome(ExecutionStatus.Completed, 200, null, time.GetUtcNow(), time.GetUtcNow(), 1, 2));
}
