namespace JitGrains.Policy.Yaml;

/// <summary>Text from a policy file in messages.</summary>
internal static class Shown
{
    /// <summary>At most 80 characters, control characters replaced.</summary>
    public static string Text(string text)
    {
        var cut = text.Length > 80 ? text[..77] + "..." : text;
        return Identity.SafeText.IsSafeSentence(cut) ? cut : string.Concat(cut.Select(c => char.IsAscii(c) && !char.IsControl(c) ? c : '?'));
    }

    /// <summary>A suffix that offers the nearest of some names, or says which there are.</summary>
    public static string Suggest(string wrong, IEnumerable<string> names)
    {
        var all = names.Distinct(StringComparer.Ordinal).ToArray();
        var nearest = all.Select(n => (Name: n, Distance: Distance(wrong, n))).OrderBy(n => n.Distance).FirstOrDefault();
        if (nearest.Name is not null && nearest.Distance <= Math.Max(1, Math.Max(wrong.Length, nearest.Name.Length) / 3))
            return $"; did you mean '{nearest.Name}'?";
        return all.Length is 0 or > 30 ? "" : $"; there is {string.Join(", ", all)}";
    }

    // Edits, a swap of neighbours counting as one, on lower case with _ and - the same.
    private static int Distance(string left, string right)
    {
        var a = left.Length > 64 ? left[..64] : left;
        var (x, y) = (a.ToLowerInvariant().Replace('-', '_'), right.ToLowerInvariant().Replace('-', '_'));
        var d = new int[x.Length + 1, y.Length + 1];
        for (var i = 0; i <= x.Length; i++)
            d[i, 0] = i;
        for (var j = 0; j <= y.Length; j++)
            d[0, j] = j;
        for (var i = 1; i <= x.Length; i++)
        {
            for (var j = 1; j <= y.Length; j++)
            {
                d[i, j] = Math.Min(Math.Min(d[i - 1, j], d[i, j - 1]) + 1, d[i - 1, j - 1] + (x[i - 1] == y[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }

        return d[x.Length, y.Length];
    }
}
