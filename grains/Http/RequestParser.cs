using System.Buffers;
using System.Collections.Frozen;

namespace JitGrains.Http;

/// <summary>
/// Decides what a request is, once, for policy and for forwarding. Whatever two servers might read differently is refused,
/// so that nothing is decided on one reading and run on another. Pure; never throws; stateless and thread-safe.
/// RFC 9110, 9112 (HTTP/1.1), 9113 (HTTP/2), 3986 (URI), 8441 (WebSocket over HTTP/2).
/// </summary>
/// <remarks>
/// <para>Encoded slashes and percent signs in the path are marked on their <see cref="PathSegment"/>, and whoever matches
/// refuses them unless the action opts that parameter in. What they hide is refused here all the same, at any depth:
/// dot segments, backslashes, control characters, broken UTF-8. So an opted-in parameter may be <c>a%2Fb</c> or
/// <c>100%25</c>, and never <c>..%2Fb</c> or <c>%252e%252e</c>.</para>
/// <para>In the query an encoded percent sign is plain data (URLs within URLs). A body is not looked at: an upstream whose
/// framework takes a method from a form field <c>_method</c> must have that switched off.</para>
/// </remarks>
public static class RequestParser
{
    /// <summary>Longest request target, in characters; longer is 414.</summary>
    public const int MaxTargetLength = 8 * 1024;

    /// <summary>Most header lines; more is 431.</summary>
    public const int MaxHeaders = 200;

    /// <summary>Most characters of all header names and values together; more is 431.</summary>
    public const int MaxHeaderBytes = 64 * 1024;

    private const int MaxMethodLength = 32;

    internal static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    /// <summary>
    /// Methods that HTTP stacks recognise in any case and send on in capitals: <c>post</c> would be decided as one method and run as another.
    /// </summary>
    private static readonly FrozenSet<string> StandardMethods = new[]
    {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "TRACE", "TRACK", "CONNECT", "PRI",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads a request.</summary>
    public static CanonicalResult Parse(RawRequest raw)
    {
        var modern = raw.Protocol is "HTTP/2" or "HTTP/3";
        if (!modern && raw.Protocol is not ("HTTP/1.1" or "HTTP/1.0"))
            return CanonicalResult.Refused(Refusals.BadProtocol);
        if (CheckMethod(raw, modern) is { } badMethod)
            return CanonicalResult.Refused(badMethod);

        var scan = new HeaderScan(raw);
        if (scan.Run() is { } badHeader)
            return CanonicalResult.Refused(badHeader);
        if (Authority.TryParse(scan.Host!, raw.Scheme) is not { } authority)
            return CanonicalResult.Refused(Refusals.BadHost);

        if (TargetParser.Split(raw, authority, modern, out var path, out var query) is { } badTarget)
            return CanonicalResult.Refused(badTarget);
        if (PathParser.Parse(path, out var segments, out var decoded, out var loose) is { } badPath)
            return CanonicalResult.Refused(badPath);
        if (QueryParser.Parse(query, out var parameters) is { } badQuery)
            return CanonicalResult.Refused(badQuery);

        return CanonicalResult.Accepted(new CanonicalRequest
        {
            Method = raw.Method,
            Scheme = raw.Scheme,
            Authority = authority.Text,
            Host = authority.Host,
            RawPath = path,
            RawQuery = query,
            Segments = segments,
            Decoded = decoded,
            LooseSegments = loose,
            Query = parameters,
            Headers = scan.Headers,
            IsWebSocket = scan.IsWebSocket || raw.ConnectProtocol is not null,
            DeclaresTrailers = scan.DeclaresTrailers,
        });
    }

    private static CanonicalRefusal? CheckMethod(RawRequest raw, bool modern)
    {
        var method = raw.Method;
        if (method.Length is 0 or > MaxMethodLength || method.AsSpan().ContainsAnyExcept(TokenCharacters))
            return Refusals.BadMethod;
        if (method is "CONNECT")
            return modern && raw.ConnectProtocol is "websocket" ? null : Refusals.ConnectRefused;
        if (raw.ConnectProtocol is not null)
            return Refusals.BadMethod;
        if (method is "TRACE" or "TRACK" or "PRI")
            return Refusals.MethodRefused;
        return StandardMethods.TryGetValue(method, out var standard) && standard != method ? Refusals.MethodCase : null;
    }
}
