namespace JitGrains.Http;

/// <summary>The parts of a Content-Type that matter here (RFC 9110 section 8.3).</summary>
internal static class MediaType
{
    /// <summary>Type and subtype in lower case, or null.</summary>
    public static string? NameOf(string? contentType) => contentType?.Split(';', 2)[0].Trim().ToLowerInvariant();

    /// <summary>
    /// The charset in lower case, or null where none is declared. Two declarations, or anything that merely looks like one, are
    /// no charset that is known.
    /// </summary>
    public static string? CharsetOf(string? contentType)
    {
        var parameters = contentType?.IndexOf(';', StringComparison.Ordinal) is { } at and >= 0 ? contentType[(at + 1)..] : "";
        string? charset = null;
        foreach (var parameter in parameters.Split(';'))
        {
            if (!parameter.Contains("charset", StringComparison.OrdinalIgnoreCase))
                continue;
            var equals = parameter.IndexOf('=', StringComparison.Ordinal);
            var isPlain = equals >= 0 && parameter[..equals].Trim().Equals("charset", StringComparison.OrdinalIgnoreCase);
            charset = charset is null && isPlain ? parameter[(equals + 1)..].Trim().Trim('"').ToLowerInvariant() : "?";
        }

        return charset;
    }
}
