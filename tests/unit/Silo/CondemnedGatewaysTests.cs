using JitGrains.Gateways;
using JitGrains.Silo.Revocation;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Silo;

public class CondemnedGatewaysTests
{
    private static readonly LeaseView Lease = new() { Phase = LeasePhase.Condemned, Lease = TimeSpan.FromSeconds(10), AllowMaxStale = TimeSpan.FromSeconds(30) };

    private readonly ManualTime time = new();

    [Theory]
    [InlineData(false, 10.5)]
    [InlineData(true, 42)]
    public async Task Its_lease_is_over_once_its_length_and_a_margin_have_passed(bool withAllowRules, double seconds)
    {
        var condemned = new CondemnedGateways(new LeaseTime(time));
        condemned.Note("gw_a");
        time.Advance(TimeSpan.FromSeconds(4));
        var wait = condemned.WaitOutAsync("gw_a", Lease, withAllowRules);
        time.Advance(TimeSpan.FromSeconds(seconds - 4) - TimeSpan.FromMilliseconds(1));
        Assert.False(wait.IsCompleted);
        time.Advance(TimeSpan.FromMilliseconds(2));
        Assert.True(await wait.WaitAsync(TimeSpan.FromMinutes(2)));
        Assert.False(await condemned.WaitOutAsync("gw_a", Lease, withAllowRules));
    }

    /// <summary>It registered anew and took its former incarnation out of the directory itself: whoever waits still gets an answer.</summary>
    [Fact]
    public async Task That_it_leaves_the_directory_meanwhile_does_not_begin_the_wait_anew()
    {
        var condemned = new CondemnedGateways(new LeaseTime(time));
        var wait = condemned.WaitOutAsync("gw_a", Lease, withAllowRules: false);
        time.Advance(TimeSpan.FromSeconds(3));
        condemned.Keep(new HashSet<string>(StringComparer.Ordinal));
        time.Advance(TimeSpan.FromSeconds(7.6));
        Assert.True(await wait.WaitAsync(TimeSpan.FromMinutes(2)));
    }
}
