using System.Buffers;

namespace JitGrains.Http;

/// <summary>Takes a request target apart into path and query, both as sent.</summary>
internal static class TargetParser
{
    private static readonly SearchValues<char> Plain =
        SearchValues.Create("!$%&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz|~^`{}");

    // What browsers send raw in a query, but never in a path.
    private static readonly SearchValues<char> QueryOnly = SearchValues.Create("^`{}");

    public static CanonicalRefusal? Split(RawRequest raw, Authority authority, bool modern, out string path, out string query)
    {
        path = query = "";
        var target = raw.Target;
        if (target.Length == 0)
            return Refusals.EmptyTarget;
        if (target.Length > RequestParser.MaxTargetLength)
            return Refusals.TargetTooLong;
        if (CheckCharacters(target) is { } bad)
            return bad;

        var start = 0;
        if (target[0] != '/')
        {
            if (AbsoluteForm(raw, authority, modern, out start) is { } notAbsolute)
                return notAbsolute;
        }

        var mark = target.IndexOf('?', start);
        path = mark < 0 ? target[start..] : target[start..mark];
        query = mark < 0 ? "" : target[mark..];
        // RFC 9112 section 3.2.1: an empty path is sent on as a slash.
        if (path.Length == 0)
            path = "/";
        return path.AsSpan().ContainsAny(QueryOnly) ? Refusals.BadCharacter : null;
    }

    private static CanonicalRefusal? AbsoluteForm(RawRequest raw, Authority authority, bool modern, out int start)
    {
        start = 0;
        var target = raw.Target;
        if (target == "*")
            return Refusals.AsteriskForm;
        var schemeEnd = target.IndexOf("://", StringComparison.Ordinal);
        if (schemeEnd < 0 || !IsHttp(target.AsSpan(0, schemeEnd)))
            return Refusals.AuthorityForm;
        if (modern)
            return Refusals.AbsoluteForm;
        if (!target.AsSpan(0, schemeEnd).Equals(raw.Scheme, StringComparison.OrdinalIgnoreCase))
            return Refusals.SchemeMismatch;

        var from = schemeEnd + 3;
        start = target.AsSpan(from).IndexOfAny('/', '?') is var end and >= 0 ? from + end : target.Length;
        if (Authority.TryParse(target[from..start], raw.Scheme) is not { } own)
            return Refusals.BadTargetAuthority;
        return own.Text == authority.Text ? null : Refusals.AuthorityMismatch;
    }

    private static bool IsHttp(ReadOnlySpan<char> scheme) =>
        scheme.Equals("http", StringComparison.OrdinalIgnoreCase) || scheme.Equals("https", StringComparison.OrdinalIgnoreCase);

    private static CanonicalRefusal? CheckCharacters(string target)
    {
        var odd = target.AsSpan().IndexOfAnyExcept(Plain);
        return odd < 0 ? null : target[odd] switch
        {
            ' ' => Refusals.Space,
            '#' => Refusals.Fragment,
            '\\' => Refusals.Backslash,
            < ' ' or '\x7f' => Refusals.ControlCharacter,
            > '\x7f' => Refusals.NonAscii,
            _ => Refusals.BadCharacter,
        };
    }
}
