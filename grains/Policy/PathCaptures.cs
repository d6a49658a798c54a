using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace JitGrains.Policy;

/// <summary>
/// What a path's parameters stand for, by their names, in the template's order. A path has few: each call has an array of its values,
/// and names are looked for one after the other. Immutable and thread-safe.
/// </summary>
/// <param name="names">The parameters' names.</param>
/// <param name="values">What they stand for, in the same order; not changed by anybody afterwards.</param>
public sealed class PathCaptures(ImmutableArray<string> names, string[] values)
{
    /// <summary>Of a path without parameters.</summary>
    public static PathCaptures Empty { get; } = new([], []);

    /// <summary>Whether the path has no parameters.</summary>
    public bool IsEmpty => values.Length == 0;

    /// <summary>What the parameter of this name stands for.</summary>
    /// <exception cref="KeyNotFoundException">The path has no such parameter.</exception>
    public string this[string name] => TryGetValue(name, out var value) ? value : throw new KeyNotFoundException($"The path has no parameter '{name}'.");

    /// <summary>What the parameter in this place of the template stands for.</summary>
    /// <exception cref="IndexOutOfRangeException">The path has fewer.</exception>
    public string this[int place] => values[place];

    /// <summary>What the parameter of this name stands for; false where the path has none.</summary>
    public bool TryGetValue(string name, [MaybeNullWhen(false)] out string value)
    {
        for (var i = 0; i < values.Length; i++)
        {
            if (names[i] == name)
            {
                value = values[i];
                return true;
            }
        }

        value = null;
        return false;
    }
}
