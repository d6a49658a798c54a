using System.Collections.Immutable;

namespace JitGrains.Http;

/// <summary>The Prefer header (RFC 7240): which preferences are the gateway's. Stateless and thread-safe.</summary>
public static class Preferences
{
    /// <summary>The value without <c>wait</c> and <c>respond-async</c>, or null where nothing is left.</summary>
    public static string? WithoutOurs(string value)
    {
        var parts = Split(value);
        var theirs = parts.RemoveAll(static p => NameOf(p) is "" or "wait" or "respond-async");
        if (theirs.Length == parts.Length)
            return value;
        return theirs.IsEmpty ? null : string.Join(", ", theirs);
    }

    /// <summary>
    /// The seconds that the caller would wait (<c>wait=N</c>), or null where no well-formed one came; the first counts.
    /// </summary>
    public static int? WaitSeconds(IEnumerable<string> values)
    {
        foreach (var preference in values.SelectMany(static v => Split(v)))
        {
            if (NameOf(preference) != "wait")
                continue;
            var equals = preference.IndexOf('=', StringComparison.Ordinal);
            var text = equals < 0 ? "" : preference[(equals + 1)..].Split(';')[0].Trim(' ', '\t', '"');
            return int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var seconds)
                ? seconds
                : null;
        }

        return null;
    }

    private static string NameOf(string preference)
    {
        var end = preference.AsSpan().IndexOfAny('=', ';');
        return (end < 0 ? preference : preference[..end]).Trim(' ', '\t').ToLowerInvariant();
    }

    /// <summary>Parts at commas that are not within a quoted string.</summary>
    private static ImmutableArray<string> Split(string value)
    {
        var parts = ImmutableArray.CreateBuilder<string>();
        var start = 0;
        var quoted = false;
        for (var i = 0; i < value.Length; i++)
        {
            if (quoted && value[i] == '\\')
            {
                i++;
            }
            else if (value[i] == '"')
            {
                quoted = !quoted;
            }
            else if (value[i] == ',' && !quoted)
            {
                parts.Add(value[start..i].Trim(' ', '\t'));
                start = i + 1;
            }
        }

        parts.Add(value[start..].Trim(' ', '\t'));
        return parts.DrainToImmutable();
    }
}
