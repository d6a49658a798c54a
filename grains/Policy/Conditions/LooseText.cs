using System.Collections.Frozen;
using JitGrains.Http;
using JitGrains.Unicode;

namespace JitGrains.Policy.Conditions;

/// <summary>How a value may be read by an upstream that is sloppier than we are. Stateless.</summary>
internal static class LooseText
{
    private static readonly FrozenSet<string> WithCommas = new[]
    {
        "authorization", "cookie", "date", "expires", "if-modified-since", "if-range", "if-unmodified-since", "last-modified", "referer", "user-agent",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Case-folded and NFKC, without white space around it.</summary>
    public static string Fold(string text) => UnicodeForm.ComposeCompatible(text).Trim().ToUpperInvariant().ToLowerInvariant();

    /// <summary>The same for a path segment: also without its parameters (<c>;v=1</c>) and a slash at its end.</summary>
    public static string FoldSegment(string text)
    {
        var semicolon = text.IndexOf(';', StringComparison.Ordinal);
        return Fold((semicolon < 0 ? text : text[..semicolon]).TrimEnd('/'));
    }

    /// <summary>A query parameter's name as form parsers fold it: case, <c>a[]</c>, <c>a.b</c>, a question mark too many.</summary>
    public static string FoldParameter(string name)
    {
        name = name.TrimStart('?');
        var bracket = name.IndexOf('[', StringComparison.Ordinal);
        return Fold(bracket > 0 ? name[..bracket] : name).Replace('.', '_').Replace(' ', '_');
    }

    /// <summary>A header's name as CGI folds it: underscore is hyphen.</summary>
    public static string FoldHeader(string lowerCaseName) => HeaderNames.Hyphenated(lowerCaseName);

    /// <summary>
    /// Whether a reader that also parts a query at semicolons, as HTML once advised, finds a parameter of this folded name within
    /// another one, or cuts the value of that name short.
    /// </summary>
    public static bool HidesParameter(string name, string? value, string folded)
    {
        if (!name.Contains(';', StringComparison.Ordinal) && value?.Contains(';', StringComparison.Ordinal) != true)
            return false;
        if (name.Split(';').Any(n => FoldParameter(n) == folded))
            return true;
        return value is not null && value.Split(';').Skip(1).Any(v => FoldParameter(v.Split('=', 2)[0]) == folded);
    }

    /// <summary>
    /// Whether a header's value is a list (RFC 9110 section 5.3: the same as one line for each member). Of some that have but one
    /// value the syntax has commas of its own.
    /// </summary>
    public static bool IsList(string lowerCaseName, string value) => value.Contains(',', StringComparison.Ordinal) && !WithCommas.Contains(lowerCaseName);
}
