using JitGrains.ClusterTests.Checking;
using JitGrains.ClusterTests.Faults;
using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Recording;
using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;
using Xunit.Abstractions;

namespace JitGrains.ClusterTests;

/// <summary>
/// Three gateways and two silos on PostgreSQL under load, and everything done to them that machines and networks do; then
/// the database put back to an older copy. What clients were told, what the upstream saw and what the trail says must agree.
/// </summary>
[Collection("one at a time")]
public sealed class FaultTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const int LeastOperations = 20_000;
    private const int LeastRevocations = 200;
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(3);

    private readonly Report report = new(output.WriteLine);
    private readonly Random random = new(20_300_101);
    private readonly Upstream upstream = new();
    private readonly List<Violation> found = [];
    private Issuer issuer = null!;
    private Cluster cluster = null!;

    public async Task InitializeAsync()
    {
        issuer = await Issuer.Start();
        cluster = await Cluster.Start(gateways: 3, silos: 2, new Settings(upstream.Address, "policy.yaml", issuer), faults: true);
    }

    public async Task DisposeAsync()
    {
        await cluster.DisposeAsync();
        await issuer.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task No_fault_breaks_an_invariant()
    {
        report.Line("three gateways and two silos on PostgreSQL, under load:");
        var first = await Faults();
        report.Line("the same, and the database put back to an older copy:");
        var second = await SetBack();

        var deeds = first.Deeds.Concat(second.Deeds).ToList();
        var revocations = deeds.OfType<Ended>().Where(e => e.Succeeded && e.Kind != EndKind.Release).ToList();
        foreach (var failure in cluster.Members.SelectMany(m => m.Process.Failures.Take(3).Select(f => $"  {m.Name}: {f}")))
            report.Line(failure);
        var violations = Checker.Violations(found, [.. first.Faults, .. second.Faults]);
        report.Line($"left by suspensions, as documented: {found.Count(f => f.Invariant == Starts.Remainder)}");
        report.Line($"operations: {deeds.Count}");
        report.Line($"revocations: {revocations.Count} (waited out a lease: {revocations.Count(r => r.Condemned > 0)})");
        report.Line($"violations: {violations.Count}");
        Assert.Empty(violations);
        Assert.True(deeds.Count >= LeastOperations, "there was too little load");
        Assert.True(revocations.Count >= LeastRevocations, "there were too few revocations");
        Assert.Contains(revocations, r => r.Condemned > 0);
    }

    private async Task<Evidence> Faults()
    {
        var history = new History();
        var world = new World(cluster.GatewayPlaces, cluster.SiloPlaces, issuer, history);
        var faults = new FaultPlan(cluster, history, report, random);
        using var auditor = new Auditor(world, history);
        await UnderLoad(world, async () =>
        {
            await faults.Recovered();
            foreach (var fault in faults.All)
                await faults.Do(fault);
            await auditor.Verify();
            await GoOn(faults, history);
        });
        await auditor.Verify();
        return Conclude(new Evidence(history.Deeds, history.Faults, history.Subjects, [.. upstream.Arrivals], await auditor.Settled()), history);
    }

    private async Task<Evidence> SetBack()
    {
        var history = new History("b");
        var world = new World(cluster.GatewayPlaces, cluster.SiloPlaces, issuer, history);
        var faults = new FaultPlan(cluster, history, report, random);
        using var auditor = new Auditor(world, history);
        Restore? restore = null;
        await UnderLoad(world, async () =>
        {
            await faults.Recovered();
            restore = await faults.SetBack();
        });
        await auditor.Verify();
        var arrivals = upstream.Arrivals.Where(a => Subject.OrderOf(a.Target).StartsWith('b')).ToList();
        return Conclude(new Evidence(history.Deeds, history.Faults, history.Subjects, arrivals, await auditor.Settled()) { Restore = restore }, history);
    }

    private async Task UnderLoad(World world, Func<Task> scenario)
    {
        await using var loads = new Loads(world, random.Next());
        try
        {
            await scenario();
            Assert.False(loads.IsBroken, "the load itself failed");
        }
        catch
        {
            foreach (var member in cluster.Members)
                report.Line($"{member.Name}:\n{string.Join('\n', member.Process.Output.Split('\n').TakeLast(40))}");
            throw;
        }
    }

    /// <summary>Faults in any order for as long as was asked for, and then until there was enough of everything.</summary>
    private async Task GoOn(FaultPlan faults, History history)
    {
        var from = Clock.Now;
        var minutes = int.TryParse(Environment.GetEnvironmentVariable("JITGRAINS_CLUSTER_MINUTES"), out var asked) ? asked : 0;
        while (Clock.Now - from < TimeSpan.FromMinutes(minutes))
            await faults.Do(faults.All[random.Next(faults.All.Count)]);
        await Until.Holds(
            () => history.Deeds.Count >= LeastOperations && history.Deeds.OfType<Ended>().Count(e => e.Succeeded) >= LeastRevocations,
            "there were enough operations",
            Longest);
    }

    private Evidence Conclude(Evidence evidence, History history)
    {
        report.Result(evidence, history);
        var contradictions = Checker.Check(evidence);
        report.Found(contradictions);
        found.AddRange(contradictions);
        Assert.True(Clock.Drift < TimeSpan.FromMilliseconds(500), "the machine's clock was set meanwhile");
        return evidence;
    }
}
