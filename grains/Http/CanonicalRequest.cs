using System.Collections.Immutable;

namespace JitGrains.Http;

/// <summary>A request as it came off the wire, before anybody interpreted it.</summary>
public sealed record RawRequest
{
    /// <summary>The method as sent.</summary>
    public required string Method { get; init; }

    /// <summary>The request target as sent: origin, absolute, authority or asterisk form.</summary>
    public required string Target { get; init; }

    /// <summary><c>http</c> or <c>https</c>: of the listener, not as claimed.</summary>
    public required string Scheme { get; init; }

    /// <summary>The protocol: <c>HTTP/1.0</c>, <c>HTTP/1.1</c>, <c>HTTP/2</c>, <c>HTTP/3</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>Every header line in order; a name that came twice is there twice. Host (or :authority) included as <c>Host</c>.</summary>
    public required ImmutableArray<HeaderLine> Headers { get; init; }

    /// <summary>The <c>:protocol</c> of an extended CONNECT (RFC 8441), or null.</summary>
    public string? ConnectProtocol { get; init; }
}

/// <summary>A header line.</summary>
public readonly record struct HeaderLine(string Name, string Value);

/// <summary>A segment of the path.</summary>
/// <param name="Raw">As sent, and as forwarded.</param>
/// <param name="Decoded">Percent-decoded once, UTF-8.</param>
/// <param name="HasEncodedSlashOrPercent">Whether <paramref name="Raw"/> holds %2F or %25: refused unless the action opts this parameter in.</param>
public readonly record struct PathSegment(string Raw, string Decoded, bool HasEncodedSlashOrPercent);

/// <summary>A query parameter.</summary>
/// <param name="Name">Decoded (plus is a space).</param>
/// <param name="Value">Decoded, or null where there was no equals sign.</param>
public readonly record struct QueryParameter(string Name, string? Value);

/// <summary>
/// What a request is, by one parser: policy decides on this, and what is forwarded is built from its raw parts.
/// Immutable and thread-safe.
/// </summary>
public sealed record CanonicalRequest
{
    /// <summary>The method, as sent (methods are case-sensitive).</summary>
    public required string Method { get; init; }

    /// <summary><c>http</c> or <c>https</c>.</summary>
    public required string Scheme { get; init; }

    /// <summary>Host in lower case, with its port if it is not the scheme's default.</summary>
    public required string Authority { get; init; }

    /// <summary>The authority without port.</summary>
    public required string Host { get; init; }

    /// <summary>The path as sent, beginning with a slash.</summary>
    public required string RawPath { get; init; }

    /// <summary>The query as sent, with its question mark, or empty.</summary>
    public required string RawQuery { get; init; }

    /// <summary>The path's segments; <c>/</c> has none, and a trailing slash adds an empty one.</summary>
    public required ImmutableArray<PathSegment> Segments { get; init; }

    /// <summary>The segments, each percent-decoded once.</summary>
    public required ImmutableArray<string> Decoded { get; init; }

    /// <summary>
    /// The segments in loose form, as a sloppier server might read them: case-folded, NFKC, parameters (<c>;x=y</c>) and
    /// trailing slash removed, decoded as often as it takes.
    /// </summary>
    public required ImmutableArray<string> LooseSegments { get; init; }

    /// <summary>The query's parameters in order.</summary>
    public required ImmutableArray<QueryParameter> Query { get; init; }

    /// <summary>Every header line in order, names in lower case, values without white space around them.</summary>
    public required ImmutableArray<HeaderLine> Headers { get; init; }

    /// <summary>Whether this asks for a WebSocket (by GET, or RFC 8441 CONNECT).</summary>
    public bool IsWebSocket { get; init; }

    /// <summary>Whether a Trailer header announces fields after the body.</summary>
    public bool DeclaresTrailers { get; init; }

    /// <summary>Path and query as sent: what goes upstream.</summary>
    public string RawTarget => RawPath + RawQuery;

    /// <summary>The values of a header, in order.</summary>
    public IEnumerable<string> HeaderValues(string lowerCaseName) =>
        Headers.Where(h => h.Name == lowerCaseName).Select(h => h.Value);

    /// <summary>The value of a header that came exactly once, or null.</summary>
    public string? SingleHeader(string lowerCaseName)
    {
        string? value = null;
        foreach (var header in Headers)
        {
            if (header.Name != lowerCaseName)
                continue;
            if (value is not null)
                return null;
            value = header.Value;
        }

        return value;
    }

    /// <summary>Whether a header came at all.</summary>
    public bool HasHeader(string lowerCaseName)
    {
        foreach (var header in Headers)
        {
            if (header.Name == lowerCaseName)
                return true;
        }

        return false;
    }
}

/// <summary>Why a request has no canonical form.</summary>
/// <param name="Status">400, 405, 414, 421, 431, 501...</param>
/// <param name="Code">A stable word, such as <c>encoded-slash</c>.</param>
/// <param name="Detail">One sentence for the caller; never quotes the request unescaped.</param>
/// <param name="Field">What is wrong: <c>target</c>, <c>method</c>, <c>header:host</c>...</param>
public sealed record CanonicalRefusal(int Status, string Code, string Detail, string Field);
