using JitGrains.Gateway.Overload;

namespace JitGrains.GatewayTests.Overload;

/// <summary>How much is turned away, from how late work is begun; and whether the store is worth asking.</summary>
public sealed class PressureTests
{
    private static readonly TimeSpan InTime = TimeSpan.FromMilliseconds(100);

    [Fact]
    public void Nothing_is_turned_away_for_a_single_pause()
    {
        var pressure = default(Pressure).After(TimeSpan.FromSeconds(3), InTime);
        Assert.Equal(0, pressure.Share);
        Assert.Equal(default, pressure.After(InTime, InTime));
    }

    [Theory]
    [InlineData(150)]
    [InlineData(1_000)]
    [InlineData(60_000)]
    public void The_longer_it_is_late_the_more_is_turned_away_but_never_all(int milliseconds)
    {
        var pressure = default(Pressure);
        var before = -1.0;
        for (var i = 0; i < 200; i++)
        {
            pressure = pressure.After(TimeSpan.FromMilliseconds(milliseconds), InTime);
            Assert.InRange(pressure.Share, Math.Max(before, 0), 0.95);
            before = pressure.Share;
        }

        Assert.Equal(0.95, before, 0.01);
        for (var i = 0; pressure.Share > 0; i++)
        {
            Assert.True(i < 100);
            pressure = pressure.After(InTime, InTime);
        }
    }

    [Fact]
    public void The_later_the_sooner()
    {
        static double After(int milliseconds) => default(Pressure).After(TimeSpan.FromMilliseconds(milliseconds), InTime).After(TimeSpan.FromMilliseconds(milliseconds), InTime).Share;
        Assert.True(After(101) is > 0 and < 0.1);
        Assert.True(After(300) > After(101) && After(2_000) >= 0.5);
    }

    [Fact]
    public void A_store_that_fails_five_times_in_a_row_is_left_alone_and_then_tried_by_one()
    {
        var breaker = default(StoreBreaker);
        for (var i = 0; i < 5; i++)
        {
            Assert.True(breaker.Enter(0).Admitted);
            breaker = breaker.Left(succeeded: false, now: 0, openFor: 10);
        }

        Assert.False(breaker.Enter(9).Admitted);
        (breaker, var first) = breaker.Enter(10);
        (breaker, var second) = breaker.Enter(10);
        Assert.Equal((true, false), (first, second));
        breaker = breaker.Left(succeeded: false, now: 20, openFor: 10);
        Assert.False(breaker.Enter(29).Admitted);
        (breaker, first) = breaker.Enter(30);
        Assert.True(first);
        breaker = breaker.Left(succeeded: true, now: 31, openFor: 10);
        Assert.True(breaker.Enter(31).Admitted && breaker.Enter(31).Next.Enter(31).Admitted);
    }

    [Fact]
    public void One_answer_between_failures_is_enough()
    {
        var breaker = default(StoreBreaker);
        for (var i = 0; i < 50; i++)
            breaker = breaker.Left(succeeded: i % 5 == 4, now: 0, openFor: 10);
        Assert.False(breaker.IsOpen);
    }
}
