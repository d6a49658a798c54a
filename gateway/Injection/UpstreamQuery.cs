using JitGrains.Http;

namespace JitGrains.Gateway.Injection;

/// <summary>Queries of upstream requests: without the parameter that is the gateway's, however it is written, and with it. Stateless.</summary>
internal static class UpstreamQuery
{
    /// <summary>The target as sent, without the parameter.</summary>
    public static string Without(CanonicalRequest request, string name) => request.RawPath + Without(request.RawQuery, name);

    /// <summary>The target with this value of the parameter, and no other.</summary>
    public static string With(CanonicalRequest request, string name, string value)
    {
        var rest = Without(request.RawQuery, name);
        return $"{request.RawPath}{(rest.Length > 1 ? rest + "&" : "?")}{Uri.EscapeDataString(name)}={Uri.EscapeDataString(value)}";
    }

    /// <summary>An address (of a redirect) without the parameter.</summary>
    public static string WithoutIn(string address, string name)
    {
        var hash = address.IndexOf('#', StringComparison.Ordinal);
        var (before, fragment) = hash < 0 ? (address, "") : (address[..hash], address[hash..]);
        var mark = before.IndexOf('?', StringComparison.Ordinal);
        return mark < 0 ? address : before[..mark] + Without(before[mark..], name) + fragment;
    }

    /// <summary>A query with its question mark; nothing where nothing is left of it.</summary>
    private static string Without(string query, string name)
    {
        if (query.Length < 2)
            return query;
        var pieces = query[1..].Split('&');
        var kept = pieces.Where(p => !Names(p, name)).ToArray();
        return kept.Length == pieces.Length ? query : kept.Length == 0 ? "" : "?" + string.Join('&', kept);
    }

    /// <summary>
    /// Whether some server would see the parameter here: in any case, with spaces before it, with brackets after it as PHP
    /// has them, or after a semicolon as one that parts there too would.
    /// </summary>
    private static bool Names(string piece, string name)
    {
        foreach (var part in piece.Split(';'))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            var decoded = Uri.UnescapeDataString((equals < 0 ? part : part[..equals]).Replace('+', ' ')).AsSpan().Trim();
            if (decoded.IndexOf('[') is var bracket and > 0)
                decoded = decoded[..bracket];
            if (decoded.Equals(name, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }
}
