using System.Globalization;

namespace JitGrains.Cli;

/// <summary>Durations as people write them: <c>90s</c>, <c>10m</c>, <c>1h30m</c>, <c>2d</c>.</summary>
internal static class Durations
{
    private const string Units = "dhms";

    /// <summary>Longest accepted duration.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromDays(366);

    /// <summary>Reads whole numbers with their units, larger units first, each at most once; more than nothing, at most a year.</summary>
    public static bool TryParse(string? text, out TimeSpan duration, out string problem)
    {
        duration = TimeSpan.Zero;
        problem = "a duration is written like 90s, 10m, 1h30m or 2d";
        if (string.IsNullOrEmpty(text))
            return false;
        var nextUnit = 0;
        long seconds = 0;
        var at = 0;
        while (at < text.Length)
        {
            var start = at;
            while (at < text.Length && char.IsAsciiDigit(text[at]))
                at++;
            if (at == start || at == text.Length || at - start > 9)
                return false;
            var unit = Units.IndexOf(text[at], StringComparison.Ordinal);
            if (unit < nextUnit)
                return false;
            seconds += long.Parse(text.AsSpan(start, at - start), NumberStyles.None, CultureInfo.InvariantCulture) * SecondsOf(unit);
            nextUnit = unit + 1;
            at++;
        }

        if (seconds == 0 || seconds > (long)Longest.TotalSeconds)
        {
            problem = "a duration is longer than nothing and at most 366d";
            return false;
        }

        duration = TimeSpan.FromSeconds(seconds);
        return true;
    }

    /// <summary>The two largest units: <c>1h30m</c>, <c>45s</c>.</summary>
    public static string Format(TimeSpan duration)
    {
        var seconds = (long)Math.Max(0, duration.TotalSeconds);
        for (var unit = 0; unit < Units.Length - 1; unit++)
        {
            var size = SecondsOf(unit);
            if (seconds < size)
                continue;
            var rest = seconds % size / SecondsOf(unit + 1);
            return rest == 0 ? $"{seconds / size}{Units[unit]}" : $"{seconds / size}{Units[unit]}{rest}{Units[unit + 1]}";
        }

        return $"{seconds}s";
    }

    private static long SecondsOf(int unit) => unit switch { 0 => 86400, 1 => 3600, 2 => 60, _ => 1 };
}
