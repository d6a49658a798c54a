using JitGrains.Gateway.Executions;
using JitGrains.Identity;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Leases;

/// <summary>An execution's right to run, from its last check to its first byte.</summary>
public sealed class ExecutionTests
{
    internal static readonly Caller Alice = new() { Principal = Sample.Alice, TokenIssuedAt = Sample.Start, TokenExpiresAt = Sample.Start.AddYears(1) };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_has_not_started_never_does_whether_its_action_drains_or_not(bool drain)
    {
        using var execution = New(drain);
        execution.End("over");
        Assert.False(execution.TryStart());
        Assert.True(execution.WhenSettled().IsCompleted);
        Assert.Equal("over", execution.EndedBy);
    }

    [Fact]
    public void What_is_starting_is_cut_and_waited_for()
    {
        var execution = New(drain: false);
        Assert.True(execution.TryStart());
        execution.End("over");
        Assert.True(execution.Token.IsCancellationRequested);
        var settled = execution.WhenSettled();
        Assert.False(settled.IsCompleted);
        execution.Dispose();
        Assert.True(settled.IsCompleted);
    }

    [Fact]
    public async Task What_is_sent_once_more_while_it_is_ended_is_ended_all_the_same()
    {
        // From running to starting and back, as fast as can be: one look at each could fall between.
        for (var round = 0; round < 300; round++)
        {
            using var execution = New(drain: false);
            execution.TryStart();
            var sending = Task.Factory.StartNew(
                () =>
                {
                    do
                        execution.Started();
                    while (execution.TryStart());
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
            execution.End("over");
            Assert.Equal("over", execution.EndedBy);
            execution.Started();
            await sending;
            Assert.False(execution.TryStart());
        }
    }

    [Fact]
    public void A_first_byte_that_went_out_meanwhile_settles_it()
    {
        using var execution = New(drain: false);
        execution.TryStart();
        execution.End("over");
        var settled = execution.WhenSettled();
        execution.Started();
        Assert.True(settled.IsCompleted);
    }

    [Fact]
    public void What_drains_is_left_to_show_that_it_started_and_is_cut_where_it_does_not()
    {
        using var execution = New(drain: true);
        execution.TryStart();
        execution.End("over");
        Assert.False(execution.Token.IsCancellationRequested);
        Assert.False(execution.WhenSettled().IsCompleted);
        execution.Kill("over");
        Assert.True(execution.Token.IsCancellationRequested);
    }

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(true, true, true)]
    public void What_runs_is_cut_unless_it_drains_and_terminating_cuts_that_too(bool drain, bool terminate, bool cut)
    {
        using var execution = New(drain);
        execution.TryStart();
        execution.Started();
        execution.Kill("lease");
        Assert.False(execution.Token.IsCancellationRequested);
        execution.End("over", terminate);
        Assert.Equal(cut, execution.Token.IsCancellationRequested);
        Assert.True(execution.WhenSettled().IsCompleted);
    }

    [Fact]
    public void A_request_that_is_sent_once_more_starts_anew()
    {
        using var execution = New(drain: true);
        Assert.True(execution.TryStart());
        execution.Started();
        Assert.True(execution.TryStart());
        Assert.False(execution.WhenSettled().IsCompleted);
        execution.Kill("over");
        Assert.False(execution.TryStart());
    }

    [Fact]
    public async Task Starting_against_ending_has_one_winner_and_nobody_waits_for_ever()
    {
        for (var round = 0; round < 2_000; round++)
        {
            var execution = New(drain: round % 2 == 0);
            var ended = Task.Run(async () =>
            {
                execution.End("over");
                execution.Kill("over");
                await execution.WhenSettled();
            });
            var started = Task.Run(() =>
            {
                var may = execution.TryStart();
                if (may)
                    execution.Started();
                execution.Dispose();
                return may;
            });
            await Task.WhenAll(ended, started).WaitAsync(TimeSpan.FromMinutes(2));
        }
    }

    [Fact]
    public async Task Entering_and_leaving_a_stripe_at_once_loses_nobody()
    {
        var stripe = new ExecutionStripe();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 2_000; i++)
            {
                var a = New(drain: false);
                var b = New(drain: false);
                stripe.Add(a);
                stripe.Add(b);
                a.Dispose();
                b.Dispose();
                b.Dispose();
            }
        })));
        Assert.Equal(0, stripe.Count);
        var found = new List<Execution>();
        stripe.Collect(static _ => true, found);
        Assert.Empty(found);
    }

    private static Execution New(bool drain) => new(Alice, Sample.Grant(uses: null), drain, "gw_1");
}
