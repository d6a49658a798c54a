using System.Collections.Immutable;

namespace JitGrains.Identity;

/// <summary>What an API key is for, whatever policy allows its principal. Immutable and thread-safe.</summary>
/// <param name="Apis">APIs; empty for any.</param>
/// <param name="Actions">Actions; empty for any.</param>
public sealed record KeyScope(ImmutableArray<string> Apis, ImmutableArray<string> Actions)
{
    /// <summary>Whether a call is within it. What is no action is outside of a scope that names actions.</summary>
    public bool Admits(string? api, string? action) => Holds(Apis, api) && Holds(Actions, action);

    private static bool Holds(ImmutableArray<string> names, string? name)
    {
        if (names.IsDefaultOrEmpty)
            return true;
        foreach (var one in names)
        {
            if (one == name)
                return true;
        }

        return false;
    }
}
