using JitGrains.ClusterTests.Checking;
using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Recording;
using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;
using Xunit.Abstractions;

namespace JitGrains.ClusterTests;

/// <summary>The same load and the same checks on one process with its own SQLite file, and nothing done to it.</summary>
[Collection("one at a time")]
public sealed class AllInOneTests(ITestOutputHelper output)
{
    [Fact]
    public async Task One_process_holds_the_invariants_under_the_load()
    {
        var report = new Report(output.WriteLine);
        var folder = Directory.CreateTempSubdirectory("jitgrains-cluster-");
        await using var upstream = new Upstream();
        await using var issuer = await Issuer.Start();
        var history = new History();
        await using var process = Single(folder.FullName, upstream, issuer);
        await process.Start();
        var world = new World([new Place("all", process.Gateway)], [new Place("all", process.Control)], issuer, history);
        await using (var loads = new Loads(world, seed: 1))
        {
            await Until.Passed(TimeSpan.FromSeconds(10));
            Assert.False(loads.IsBroken);
            await loads.Stop();
        }

        using var auditor = new Auditor(world, history);
        await auditor.Verify();
        var evidence = new Evidence(history.Deeds, history.Faults, history.Subjects, upstream.Arrivals, await auditor.Settled());
        var found = Checker.Check(evidence);
        report.Line("all in one, nothing done to it:");
        report.Result(evidence, history);
        Assert.Empty(found);
        Assert.True(evidence.All<Ended>().Count(e => e.Succeeded) > 10, "there was something to revoke");
        folder.Delete(recursive: true);
    }

    private static ClusterProcess Single(string folder, Upstream upstream, Issuer issuer)
    {
        var process = new ClusterProcess("all", folder);
        new Settings(upstream.Address, "policy.yaml", issuer).Apply(process);
        return process;
    }
}
