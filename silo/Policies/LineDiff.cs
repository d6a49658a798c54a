using System.Collections.Immutable;
using System.Text;
using JitGrains.PolicyVersions;

namespace JitGrains.Silo.Policies;

/// <summary>The difference between two policies, line by line, as people read it (as diff -u writes it). Pure.</summary>
internal static class LineDiff
{
    private const int Context = 3;

    /// <summary>Differences beyond this many lines are shown as all old lines, then all new ones.</summary>
    private const int MostEdits = 1000;

    /// <summary>The difference; empty where there is none.</summary>
    public static string Of(ImmutableArray<PolicyText> before, ImmutableArray<PolicyText> after)
    {
        var text = new StringBuilder();
        // One file that has another name now is the same file.
        if (before is [var only] && after is [var renamed] && only.Name != renamed.Name)
        {
            if (only.Text != renamed.Text)
                Append(text.Append($"--- {only.Name}\n+++ {renamed.Name}\n"), LinesOf(only.Text), LinesOf(renamed.Text));
            return text.ToString();
        }

        foreach (var name in before.Concat(after).Select(f => f.Name).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            var (old, now) = (TextOf(before, name), TextOf(after, name));
            if (old == now)
                continue;
            text.Append("--- ").Append(old is null ? "(none)" : name).Append('\n').Append("+++ ").Append(now is null ? "(none)" : name).Append('\n');
            Append(text, LinesOf(old), LinesOf(now));
        }

        return text.ToString();
    }

    private static string? TextOf(ImmutableArray<PolicyText> files, string name) => files.FirstOrDefault(f => f.Name == name)?.Text;

    private static string[] LinesOf(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return [];
        var lines = text.Replace("\r\n", "\n", StringComparison.Ordinal).Split('\n');
        return lines[^1].Length == 0 ? lines[..^1] : lines;
    }

    private static void Append(StringBuilder text, string[] old, string[] now)
    {
        var edits = EditsOf(old, now);
        var at = 0;
        while (at < edits.Count)
        {
            var first = edits.FindIndex(at, e => e.Kind != ' ');
            if (first < 0)
                return;
            var from = Math.Max(at, first - Context);
            var to = first;
            // A hunk goes on while the next change is near.
            for (var i = first; i < edits.Count && i <= to + (2 * Context); i++)
            {
                if (edits[i].Kind != ' ')
                    to = i;
            }

            var end = Math.Min(edits.Count, to + Context + 1);
            var hunk = edits.GetRange(from, end - from);
            var (oldStart, newStart) = (edits.Take(from).Count(e => e.Kind != '+') + 1, edits.Take(from).Count(e => e.Kind != '-') + 1);
            text.Append($"@@ -{oldStart},{hunk.Count(e => e.Kind != '+')} +{newStart},{hunk.Count(e => e.Kind != '-')} @@\n");
            foreach (var (kind, line) in hunk)
                text.Append(kind).Append(line).Append('\n');
            at = end;
        }
    }

    /// <summary>The shortest way from one to the other (Myers, "An O(ND) Difference Algorithm").</summary>
    private static List<(char Kind, string Line)> EditsOf(string[] old, string[] now)
    {
        var head = 0;
        while (head < old.Length && head < now.Length && old[head] == now[head])
            head++;
        var tail = 0;
        while (tail < old.Length - head && tail < now.Length - head && old[^(tail + 1)] == now[^(tail + 1)])
            tail++;

        var (a, b) = (old[head..^tail], now[head..^tail]);
        var middle = Shortest(a, b) ?? [.. a.Select(l => ('-', l)), .. b.Select(l => ('+', l))];
        return [.. old[..head].Select(l => (' ', l)), .. middle, .. old[(old.Length - tail)..].Select(l => (' ', l))];
    }

    private static List<(char, string)>? Shortest(string[] a, string[] b)
    {
        var most = Math.Min(MostEdits, a.Length + b.Length);
        var furthest = new int[(2 * most) + 3];
        var trace = new List<int[]>();
        for (var edits = 0; edits <= most; edits++)
        {
            trace.Add([.. furthest]);
            for (var k = -edits; k <= edits; k += 2)
            {
                var x = StepsDown(furthest, most, edits, k) ? furthest[most + k + 2] : furthest[most + k] + 1;
                while (x < a.Length && x - k < b.Length && a[x] == b[x - k])
                    x++;
                furthest[most + k + 1] = x;
                if (x >= a.Length && x - k >= b.Length)
                    return WayBack(trace, most, a, b);
            }
        }

        return null;
    }

    private static bool StepsDown(int[] furthest, int most, int edits, int k) =>
        k == -edits || (k != edits && furthest[most + k] < furthest[most + k + 2]);

    private static List<(char, string)> WayBack(List<int[]> trace, int most, string[] a, string[] b)
    {
        var way = new List<(char, string)>();
        var (x, y) = (a.Length, b.Length);
        for (var edits = trace.Count - 1; edits > 0; edits--)
        {
            var furthest = trace[edits];
            var k = x - y;
            var down = StepsDown(furthest, most, edits, k);
            var stepX = down ? furthest[most + k + 2] : furthest[most + k] + 1;
            for (; x > stepX; y--)
                way.Add((' ', a[--x]));
            way.Add(down ? ('+', b[--y]) : ('-', a[--x]));
        }

        while (x > 0)
            way.Add((' ', a[--x]));
        way.Reverse();
        return way;
    }
}
