using JitGrains.Simulation.Exploring;
using Xunit;
using Xunit.Abstractions;

namespace JitGrains.Simulation.Suite;

/// <summary>Every interleaving in small worlds, to the depth that docs/simulation.md states.</summary>
public sealed class ExplorationTests(ITestOutputHelper output)
{
    /// <summary>Which beginning shows a bug; the others do with one gateway that has read the grant.</summary>
    private static readonly Dictionary<Bug, (int Beginning, bool IsCounted)> Elsewhere = new()
    {
        [Bug.OnePersonTwice] = (0, true),
        [Bug.UsesAreNotCounted] = (1, true),
        [Bug.ListBeforeCommit] = (5, false),
        [Bug.OpenBeforeListed] = (5, false),
        [Bug.ReadInFlightIsKept] = (5, false),
        [Bug.KeepViewsAtRegistration] = (5, false),
    };

    public static TheoryData<string> Bugs => [.. Enum.GetNames<Bug>().Where(b => b != nameof(Bug.None))];

    [Fact]
    public void Every_interleaving_keeps_the_invariants()
    {
        foreach (var (name, explored) in Exploration.All(deeper: 0))
        {
            Assert.Null(explored.Wrong);
            // A world in which nothing happens shows nothing.
            Assert.True(explored.States > 2_000, $"{name}: {explored}");
            output.WriteLine($"{name}: {explored}");
            if (Environment.GetEnvironmentVariable("JITGRAINS_SIMULATION_REPORT") is { Length: > 0 } report)
                File.AppendAllText(report, $"{name}: {explored}\n");
        }
    }

    [Theory]
    [MemberData(nameof(Bugs))]
    public void A_bug_is_found_within_that_depth(string name)
    {
        var bug = Enum.Parse<Bug>(name);
        var (beginning, isCounted) = Elsewhere.GetValueOrDefault(bug, (4, false));
        var found = Exploration.Beginnings[beginning].Explore(bug, isCounted);
        Assert.NotNull(found.Wrong);
        output.WriteLine($"{found.Wrong} ({found})");
    }
}
