using System.Globalization;

namespace JitGrains.Policy.Loading;

/// <summary>Durations (<c>1h30m</c>) and sizes (<c>64KiB</c>) as policy files write them.</summary>
internal static class Durations
{
    private static readonly (string Unit, long Milliseconds)[] Units =
        [("ms", 1), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];

    private static readonly (string Unit, long Bytes)[] Sizes =
        [("KiB", 1L << 10), ("MiB", 1L << 20), ("GiB", 1L << 30), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("B", 1)];

    /// <summary>Null where it is none: each part a number of at most nine digits and a unit, the larger unit first.</summary>
    public static TimeSpan? Parse(string text)
    {
        var total = 0L;
        var lastUnit = long.MaxValue;
        var rest = text.AsSpan();
        while (rest.Length > 0)
        {
            var digits = rest.IndexOfAnyExceptInRange('0', '9');
            if (digits is <= 0 or > 9)
                return null;
            var number = long.Parse(rest[..digits], NumberStyles.None, CultureInfo.InvariantCulture);
            rest = rest[digits..];
            var unit = Array.Find(Units, UnitAt(rest.ToString()));
            if (unit.Unit is null || unit.Milliseconds >= lastUnit)
                return null;
            lastUnit = unit.Milliseconds;
            total += number * unit.Milliseconds;
            rest = rest[unit.Unit.Length..];
        }

        return text.Length == 0 || total > 3_650L * 86_400_000 ? null : TimeSpan.FromMilliseconds(total);
    }

    /// <summary>The shortest way to write it.</summary>
    public static string Show(TimeSpan value)
    {
        var milliseconds = (long)value.TotalMilliseconds;
        if (milliseconds == 0)
            return "0s";
        var text = "";
        foreach (var (unit, size) in Units.OrderByDescending(u => u.Milliseconds))
        {
            if (milliseconds / size > 0)
                text += $"{milliseconds / size}{unit}";
            milliseconds %= size;
        }

        return text;
    }

    /// <summary>Bytes, or null where it is no size.</summary>
    public static long? ParseSize(string text)
    {
        var digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        if (digits < 0)
            digits = text.Length;
        if (digits is 0 or > 12)
            return null;
        var number = long.Parse(text.AsSpan(0, digits), NumberStyles.None, CultureInfo.InvariantCulture);
        var unit = text[digits..].TrimStart(' ');
        if (digits == text.Length)
            return number;
        var size = Array.Find(Sizes, s => s.Unit == unit);
        return size.Unit is null || number > long.MaxValue / size.Bytes ? null : number * size.Bytes;
    }

    // "ms" stands before "m" in the table, so the longer unit wins.
    private static Predicate<(string Unit, long Milliseconds)> UnitAt(string rest) => u => rest.StartsWith(u.Unit, StringComparison.Ordinal);
}
