using System.Text;

namespace JitGrains.Unicode;

/// <summary>
/// Unicode normalization forms C and KC (UAX #15), from a table of our own: the process runs with invariant globalization,
/// where <see cref="string.Normalize()"/> leaves text as it is and <see cref="string.IsNormalized()"/> is always true.
/// Characters that are newer than the table stay as they are, and so does half a surrogate pair. Stateless and thread-safe.
/// </summary>
public static class UnicodeForm
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TailCount = 28, HangulCount = LeadCount * VowelCount * TailCount;

    /// <summary>Whether text is in form C (canonical composition).</summary>
    public static bool IsComposed(string text) => Ascii.IsValid(text) || Compose(text) == text;

    /// <summary>Form C: canonical composition.</summary>
    public static string Compose(string text) => Normalize(text, compatibility: false);

    /// <summary>Form KC: compatibility composition, in which look-alikes such as full-width letters become the plain ones.</summary>
    public static string ComposeCompatible(string text) => Normalize(text, compatibility: true);

    private static string Normalize(string text, bool compatibility)
    {
        if (Ascii.IsValid(text))
            return text;
        var table = UnicodeTable.Instance;
        var points = new List<int>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                Decompose(char.ConvertToUtf32(text[i], text[++i]), table, compatibility, points);
            else
                Decompose(text[i], table, compatibility, points);
        }

        Reorder(points, table);
        Recompose(points, table);
        return ToText(points);
    }

    private static void Decompose(int point, UnicodeTable table, bool compatibility, List<int> output)
    {
        if (point is >= HangulBase and < HangulBase + HangulCount)
        {
            var syllable = point - HangulBase;
            output.Add(LeadBase + (syllable / (VowelCount * TailCount)));
            output.Add(VowelBase + (syllable % (VowelCount * TailCount) / TailCount));
            if (syllable % TailCount != 0)
                output.Add(TailBase + (syllable % TailCount));
        }
        else if (table.PartsOf(point, compatibility) is { } parts)
        {
            foreach (var part in parts)
                Decompose(part, table, compatibility, output);
        }
        else
        {
            output.Add(point);
        }
    }

    /// <summary>Sorts each run of combining marks by class, stably.</summary>
    private static void Reorder(List<int> points, UnicodeTable table)
    {
        for (var i = 1; i < points.Count; i++)
        {
            var point = points[i];
            var combining = table.ClassOf(point);
            if (combining == 0)
                continue;
            var j = i;
            for (; j > 0 && table.ClassOf(points[j - 1]) > combining; j--)
                points[j] = points[j - 1];
            points[j] = point;
        }
    }

    /// <summary>Joins each starter with the marks after it that nothing of an equal or higher class keeps apart from it.</summary>
    private static void Recompose(List<int> points, UnicodeTable table)
    {
        var starter = -1;
        var last = 0;
        var end = 0;
        for (var i = 0; i < points.Count; i++)
        {
            var point = points[i];
            var combining = table.ClassOf(point);
            var adjacent = starter >= 0 && end == starter + 1;
            if (starter >= 0 && (adjacent || (last < combining && last != 0)) && Pair(points[starter], point, table) is { } composite)
            {
                points[starter] = composite;
                continue;
            }

            if (combining == 0)
                starter = end;
            last = combining;
            points[end++] = point;
        }

        points.RemoveRange(end, points.Count - end);
    }

    private static int? Pair(int first, int second, UnicodeTable table)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
            return HangulBase + ((((first - LeadBase) * VowelCount) + (second - VowelBase)) * TailCount);
        if (first is >= HangulBase and < HangulBase + HangulCount && (first - HangulBase) % TailCount == 0
            && second is > TailBase and < TailBase + TailCount)
        {
            return first + (second - TailBase);
        }

        return table.CompositeOf(first, second);
    }

    private static string ToText(List<int> points)
    {
        var text = new StringBuilder(points.Count);
        foreach (var point in points)
        {
            if (point <= char.MaxValue)
                text.Append((char)point);
            else
                text.Append(char.ConvertFromUtf32(point));
        }

        return text.ToString();
    }
}
