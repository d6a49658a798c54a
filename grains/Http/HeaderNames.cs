using System.Buffers;
using System.Collections.Frozen;

namespace JitGrains.Http;

/// <summary>Names of headers (lower case) that mean something to the gateway.</summary>
internal static class HeaderNames
{
    /// <summary>The beginning of our own headers.</summary>
    public const string OursPrefix = "jit-";

    private static readonly SearchValues<char> Capitals = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZ");

    /// <summary>Frequent names, so that putting them in lower case makes no new text.</summary>
    private static readonly FrozenDictionary<string, string> Frequent = new[]
    {
        "accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection", "content-encoding",
        "content-length", "content-type", "cookie", "host", "idempotency-key", "if-match", "if-none-match", "jit-reason",
        "jit-request", "jit-ticket", "origin", "prefer", "referer", "te", "traceparent", "tracestate", "transfer-encoding",
        "upgrade", "user-agent", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id",
    }.ToFrozenDictionary(n => n, StringComparer.OrdinalIgnoreCase);

    /// <summary>What some servers or frameworks take the method or the URL from instead of the request line.</summary>
    public static readonly FrozenSet<string> Overriding = new[]
    {
        "x-http-method-override", "x-http-method", "x-method-override", "x-original-method",
        "x-original-url", "x-original-uri", "x-rewrite-url", "x-rewrite-uri", "x-override-url", "x-http-path-override",
    }.ToFrozenSet();

    /// <summary>Names that the gateway itself reads: CGI and its kin see an underscore in their place as the same header.</summary>
    public static readonly FrozenSet<string> Read = new[]
    {
        "content-length", "transfer-encoding", "content-type", "content-encoding", "x-content-length", "idempotency-key",
    }.ToFrozenSet();

    /// <summary>Headers that come at most once; so do all of ours.</summary>
    public static readonly FrozenSet<string> Single = new[] { "authorization", "content-type", "idempotency-key" }.ToFrozenSet();

    /// <summary>A name in lower case.</summary>
    public static string Lower(string name)
    {
        if (!name.AsSpan().ContainsAny(Capitals))
            return name;
        return Frequent.TryGetValue(name, out var known) ? known : name.ToLowerInvariant();
    }

    /// <summary>The name as CGI would read it, with hyphens for underscores.</summary>
    public static string Hyphenated(string lowerCaseName) =>
        lowerCaseName.Contains('_', StringComparison.Ordinal) ? lowerCaseName.Replace('_', '-') : lowerCaseName;
}
