using JitGrains.Simulation.Mutants;
using Xunit;

namespace JitGrains.Simulation.Suite;

/// <summary>The deliberate bugs that <c>./sim --mutants</c> hunts.</summary>
public sealed class MutantTests
{
    [Fact]
    public void Every_mutant_has_its_place_in_the_sources() => Assert.Empty(Planting.Misplaced(Root()));

    [Fact]
    public void Every_test_that_is_to_fail_under_a_mutant_is_there()
    {
        var named = AllMutants.List.Where(m => m.Test is not null).ToList();
        Assert.NotEmpty(named);
        // GatewayTests.Folder.Class.Method: a name that no test has finds no mutant.
        Assert.All(named, m => Assert.True(
            m.Test!.Split('.') is ["GatewayTests", var folder, var type, var method]
            && File.ReadAllText(Path.Combine(Root(), "tests", "gateway", folder, type + ".cs")).Contains($" {method}()", StringComparison.Ordinal),
            m.Name));
    }

    [Fact]
    public void There_are_enough_of_them_and_each_has_a_name_of_its_own()
    {
        Assert.True(AllMutants.List.Length >= 25);
        Assert.Equal(AllMutants.List.Length, AllMutants.List.Select(m => m.Name).Distinct(StringComparer.Ordinal).Count());
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "JitGrains.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests run outside the repository");
        return folder;
    }
}
