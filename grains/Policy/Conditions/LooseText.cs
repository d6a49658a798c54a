using JitGrains.Http;
using JitGrains.Unicode;

namespace JitGrains.Policy.Conditions;

/// <summary>How a value may be read by an upstream that is sloppier than we are. Stateless.</summary>
internal static class LooseText
{
    /// <summary>Case-folded and NFKC, without white space around it.</summary>
    public static string Fold(string text) => UnicodeForm.ComposeCompatible(text).Trim().ToUpperInvariant().ToLowerInvariant();

    /// <summary>The same for a path segment: also without its parameters (<c>;v=1</c>) and a slash at its end.</summary>
    public static string FoldSegment(string text)
    {
        var semicolon = text.IndexOf(';', StringComparison.Ordinal);
        return Fold((semicolon < 0 ? text : text[..semicolon]).TrimEnd('/'));
    }

    /// <summary>A query parameter's name as form parsers fold it: case, <c>a[]</c>, <c>a.b</c>.</summary>
    public static string FoldParameter(string name)
    {
        var bracket = name.IndexOf('[', StringComparison.Ordinal);
        return Fold(bracket > 0 ? name[..bracket] : name).Replace('.', '_').Replace(' ', '_');
    }

    /// <summary>A header's name as CGI folds it: underscore is hyphen.</summary>
    public static string FoldHeader(string lowerCaseName) => HeaderNames.Hyphenated(lowerCaseName);
}
