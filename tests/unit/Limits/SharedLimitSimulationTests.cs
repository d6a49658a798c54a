namespace JitGrains.UnitTests.Limits;

/// <summary>
/// Gateways over one shared limit, on virtual time, asked for far more than there is. Renewals are lost, late and unanswered;
/// gateways die, stop, are suspended and cut off. What they admit in any stretch of time is what docs/policy.md says.
/// </summary>
public sealed class SharedLimitSimulationTests
{
    public static TheoryData<string, int> Runs
    {
        get
        {
            var runs = new TheoryData<string, int>();
            foreach (var terms in new[] { "bucket: {rate: 20, every: 1s, burst: 60}", "bucket: {rate: 30, every: 1s}", "window: {most: 120, within: 30s}", "window: {most: 60, within: 4s}" })
            {
                for (var seed = 1; seed <= 12; seed++)
                    runs.Add(terms, seed);
            }

            return runs;
        }
    }

    [Theory, MemberData(nameof(Runs))]
    public async Task Gateways_admit_together_what_the_limit_admits_and_what_is_stated(string terms, int seed)
    {
        await using var crowd = new SharedLimitCrowd($"l: {{shared: true, {terms}}}", seed);
        await crowd.Run(TimeSpan.FromSeconds(90));
        Assert.Equal("", crowd.Excess());
        // Whatever is done to them: at least half of what there is.
        Assert.InRange(crowd.Admitted, crowd.Most(TimeSpan.FromSeconds(90)) / 2, int.MaxValue);
    }
}
