using System.Collections.Immutable;

namespace JitGrains.Simulation.Mutants;

/// <summary>A change of one place in the product's sources.</summary>
/// <param name="File">The file, from the repository's root.</param>
/// <param name="Find">What stands there, once; the change goes with it when the code is moved.</param>
/// <param name="Put">What stands there instead, where ON is whether the mutant is switched on.</param>
internal sealed record Edit(string File, string Find, string Put);

/// <summary>A deliberate bug.</summary>
/// <param name="Name">By which it is switched on.</param>
/// <param name="About">What is wrong with it.</param>
/// <param name="Edits">The changes that make it.</param>
internal sealed record Mutant(string Name, string About, params ImmutableArray<Edit> Edits)
{
    /// <summary>The test of <c>tests/gateway</c> that fails under it, where no history can: another layer makes it harmless there.</summary>
    public string? Test { get; init; }

    /// <summary>What an edit puts in place, with the switch of this mutant in it.</summary>
    public string Put(Edit edit) => edit.Put.Replace("ON", $"JitGrains.Mutant.Is(\"{Name}\")", StringComparison.Ordinal);
}
