using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Recording;
using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;
using Xunit.Abstractions;

namespace JitGrains.ClusterTests.Limits;

/// <summary>
/// Three gateways keep limits together while one is killed, one suspended for longer than its lease, one cut off from the
/// store, one stopped in order, and a silo killed. What the upstream saw, in every stretch of time, is what docs/policy.md
/// says of shared limits, by the numbers of the policy.
/// </summary>
[Collection("one at a time")]
public sealed class SharedLimitTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int Places = 18;
    private static readonly Terms Bucket = new(100, TimeSpan.FromSeconds(1), 200);
    private static readonly Terms Window = new(300, TimeSpan.FromSeconds(15), null);

    // QuotaKeeper's: a lease lasts this long, is renewed so often, and an answer is waited for so long.
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Report report = new(output.WriteLine);
    private readonly Upstream upstream = new();
    private readonly List<(Allowance Allowance, string? Lost)> stated = [];
    private readonly List<(string Gateway, DateTimeOffset At)> ends = [];
    private Issuer issuer = null!;
    private Cluster cluster = null!;

    public async Task InitializeAsync()
    {
        issuer = await Issuer.Start();
        cluster = await Cluster.Start(gateways: 3, silos: 2, new Settings(upstream.Address, "limits.yaml", issuer), faults: true);
    }

    public async Task DisposeAsync()
    {
        if (cluster is not null)
            await cluster.DisposeAsync();
        await issuer.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task No_more_comes_through_than_is_stated_whatever_is_done_to_gateways()
    {
        var from = Clock.Now;
        foreach (var _ in cluster.Gateways)
            Began(from);
        var callers = new LimitedCallers(cluster.GatewayPlaces, Person.Of(issuer, "alice", "engineering"));
        await using (callers)
        {
            callers.Start();
            await Faults();
        }

        var length = Clock.Now - from;
        Judge("bucket", Bucket, length);
        Judge("window", Window, length);
        JudgePlaces(callers);
        report.Line($"  answers: {callers.Answers}");
        Assert.True(Clock.Drift < TimeSpan.FromMilliseconds(500), "the machine's clock was set meanwhile");
    }

    private async Task Faults()
    {
        var (first, second, third) = (cluster.Gateways[0], cluster.Gateways[1], cluster.Gateways[2]);
        await Until.Passed(TimeSpan.FromSeconds(4));
        await Ended(first, first.Process.Kill);

        // While what the first held is nobody's; that is over meanwhile.
        await Without(second, second.Process.Suspend, second.Process.Resume);
        await cluster.Silos[0].Process.Kill();
        await Until.Passed(Renewal * 2);
        await Without(third, Cut, Mend);
        await Ended(first, Stop);
        await Until.Passed(TimeSpan.FromSeconds(5));

        Task Cut()
        {
            third.Data.Cut();
            third.Listen.Cut();
            return Task.CompletedTask;
        }

        void Mend()
        {
            third.Data.Mend();
            third.Listen.Mend();
        }

        async Task Stop()
        {
            Signals.Terminate(first.Process.Id);
            await Until.Holds(() => !first.Process.IsRunning, "the gateway has stopped");
        }
    }

    /// <summary>A gateway ends and is started anew: a sixteenth for the new one, and once more what the old one had not told of.</summary>
    private async Task Ended(Member gateway, Func<Task> end)
    {
        var at = Clock.Now;
        ends.Add((gateway.Name, at));
        await end();
        stated.Add((new Allowance(at, at + Lease + Window.Period, 0), gateway.Name));
        await gateway.Process.Start();
        Began(at);
    }

    /// <summary>A gateway is without its lease: an even share, from the end of the lease until it has told how much it holds, and others have made room.</summary>
    private async Task Without(Member gateway, Func<Task> begin, Action end)
    {
        var at = Clock.Now;
        await begin();
        await Until.Passed(Lease + Patience);
        end();
        stated.Add((new Allowance(at + Lease - Renewal - Patience, Clock.Now + Settling, 1.0 / 3), gateway.Name));
        await Until.Passed(Settling);
    }

    /// <summary>A gateway asks, another is told to give up, has done so, and says so; each up to a renewal and its patience later.</summary>
    private static TimeSpan Settling => Renewal + Patience;

    /// <summary>A gateway began since then: a sixteenth until the others have made room.</summary>
    private void Began(DateTimeOffset since) => stated.Add((new Allowance(since, Clock.Now + Settling, 1.0 / 16), null));

    private void Judge(string action, Terms terms, TimeSpan length)
    {
        var calls = upstream.Arrivals.Where(a => a.Target.EndsWith("/" + action, StringComparison.Ordinal)).Select(a => LimitedCallers.Read(a.Call, a.At)).ToList();
        var allowances = stated.Select(s => s.Allowance with { Once = Untold(calls, s.Allowance, s.Lost) }).ToList();
        var (beyond, ofTheLimit, what) = Admissions.Worst(terms, calls, allowances);
        var used = calls.Count / terms.Within(length);
        report.Line($"  {action}: {calls.Count} calls in {length.TotalSeconds:F0} s ({string.Join(", ", calls.GroupBy(c => c.Gateway).OrderBy(g => g.Key).Select(g => $"{g.Key} {g.Count()}"))}), {used:P0} of what there was; "
            + $"at most {ofTheLimit:P0} of the limit alone in any stretch; nearest to what is stated: {what}");
        Assert.True(beyond <= 0, $"{action}: {what}");
        Assert.True(used >= 0.5, $"{action}: only {used:P0} of what there was came through");
    }

    /// <summary>What a gateway admitted after the last renewal before its trouble began.</summary>
    private static int Untold(List<Admission> calls, Allowance allowance, string? lost)
    {
        if (lost is null)
            return 0;
        var at = allowance.Share == 0 ? allowance.From : allowance.From - Lease + Renewal + Patience;
        return calls.Count(c => c.Gateway == lost && c.ArrivedAt > at - Renewal && c.SentAt <= at);
    }

    private void JudgePlaces(LimitedCallers callers)
    {
        var stays = callers.Stays.Select(s => (s.From, To: ends.Where(e => e.Gateway == s.Gateway && e.At > s.From && e.At < s.To).Select(e => e.At).DefaultIfEmpty(s.To).Min())).ToList();
        var most = 0;
        foreach (var (at, count) in Admissions.AtOnce(stays))
        {
            most = Math.Max(most, count);
            var may = Places + stated.Where(s => s.Allowance.From <= at && at <= s.Allowance.To && s.Allowance.Share > 0).Sum(s => Math.Max(1, s.Allowance.Share * Places));
            Assert.True(count <= may, $"{count} at the same time at {at:HH:mm:ss.fff}, and {may:F0} as stated");
        }

        report.Line($"  places: {stays.Count} streams, at most {most} of {Places} at the same time");
        Assert.True(most >= Places / 2, "places were not used");
    }
}
