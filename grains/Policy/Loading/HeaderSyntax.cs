namespace JitGrains.Policy.Loading;

/// <summary>Header names (RFC 9110 tokens).</summary>
internal static class HeaderSyntax
{
    public static bool IsName(string text) =>
        text.Length is > 0 and <= 128 && text.All(c => char.IsAsciiLetterOrDigit(c) || "!#$%&'*+-.^_`|~".Contains(c, StringComparison.Ordinal));

    /// <summary>A name in lower case, or null having reported.</summary>
    public static string? Read(Cursor at)
    {
        var text = at.Text(128);
        return text is null ? null : IsName(text) ? text.ToLowerInvariant() : at.Fail<string>("this is no header name");
    }
}
