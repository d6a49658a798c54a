using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Overload;

/// <summary>How often it is looked whether work is begun late.</summary>
public sealed class LoadShedderTests
{
    [Fact]
    public async Task While_nobody_is_served_it_is_looked_seldom_and_often_again_once_somebody_is()
    {
        var time = new ListedTimers();
        await using var services = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().BuildServiceProvider();
        using var shedder = new LoadShedder(new GatewayOptions(), services.GetRequiredService<GatewayMetrics>(), time);
        await shedder.StartAsync(CancellationToken.None);
        await Eventually.Holds(() => time.Period == LoadShedder.Interval);
        time.Clock.Advance(LoadShedder.Interval);
        await Eventually.Holds(() => time.Period == LoadShedder.IdleInterval);

        Assert.True(shedder.TryEnter());
        time.Clock.Advance(LoadShedder.IdleInterval);
        await Eventually.Holds(() => time.Period == LoadShedder.Interval);
        shedder.Leave();
        time.Clock.Advance(LoadShedder.Interval);
        await Eventually.Holds(() => time.Period == LoadShedder.IdleInterval);
        await shedder.StopAsync(CancellationToken.None);
    }

    /// <summary>A clock of the test's, and how often its last timer fires.</summary>
    private sealed class ListedTimers : TimeProvider
    {
        private Listed? last;

        public ManualTime Clock { get; } = new();

        public TimeSpan? Period => Volatile.Read(ref last)?.Period;

        public override long TimestampFrequency => Clock.TimestampFrequency;

        public override DateTimeOffset GetUtcNow() => Clock.GetUtcNow();

        public override long GetTimestamp() => Clock.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            last = new Listed(Clock.CreateTimer(callback, state, dueTime, period), period);

        private sealed class Listed(ITimer timer, TimeSpan first) : ITimer
        {
            private long period = first.Ticks;

            public TimeSpan Period => TimeSpan.FromTicks(Interlocked.Read(ref period));

            public bool Change(TimeSpan dueTime, TimeSpan next)
            {
                var changed = timer.Change(dueTime, next);
                Interlocked.Exchange(ref period, next.Ticks);
                return changed;
            }

            public void Dispose() => timer.Dispose();

            public ValueTask DisposeAsync() => timer.DisposeAsync();
        }
    }
}
