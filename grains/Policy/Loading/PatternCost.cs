using System.Globalization;

namespace JitGrains.Policy.Loading;

/// <summary>
/// Counted repetitions are written out when a pattern is compiled, and nested ones multiply, so a short pattern could
/// take any memory. This bounds them before anything is compiled; it counts too much rather than too little.
/// </summary>
internal static class PatternCost
{
    public const long Most = 10_000;

    /// <summary>The product of all counts in braces.</summary>
    public static long Of(string pattern)
    {
        var product = 1L;
        for (var open = pattern.IndexOf('{', StringComparison.Ordinal); open >= 0; open = pattern.IndexOf('{', open + 1))
        {
            var close = pattern.IndexOf('}', open);
            if (close < 0)
                break;
            var count = pattern[(open + 1)..close].Split(',')
                .Select(n => n.Length > 9 && n.All(char.IsAsciiDigit) ? Most + 1 : long.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : 1)
                .Max();
            product = Math.Min(product * Math.Max(1, count), Most + 1);
        }

        return product;
    }
}
