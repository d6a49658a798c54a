using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using JitGrains.Http;
using JitGrains.Policy;

namespace JitGrains.Binding;

/// <summary>
/// What a payload-bound grant pins: the canonical form <c>jit-payload-1</c> of a call and its keyed digest (HMAC-SHA256),
/// printed <c>hmac-sha256;jit-payload-1;BASE64URL</c>. Keyed, so that a body of few possible values cannot be guessed from it.
/// Stateless and thread-safe.
/// </summary>
/// <remarks>
/// The form is: its name; then method, scheme, authority, <c>websocket</c> or nothing, path and query as sent; the number of
/// bound headers and each one's name and value; last the SHA-256 of the body. Every part is preceded by its length as four
/// big-endian bytes, so that no byte can move from one part to the next. Headers stand sorted by name, lines of one name in the
/// order they came: order between names means nothing (RFC 9110 section 5.3) and HTTP stacks do not keep it.
/// </remarks>
public static class PayloadBinding
{
    /// <summary>The algorithm and the canonical form that every such digest begins with.</summary>
    public const string Form = "hmac-sha256;jit-payload-1";

    /// <summary>
    /// Forwarded and not bound: they differ from one try of the same call to the next, or from one hop to the next, and carry
    /// nothing that an upstream should act on. Ids that proxies stamp on each attempt count as tracing.
    /// </summary>
    private static readonly FrozenSet<string> Unbound = new[]
    {
        "authorization", "user-agent", "accept-encoding", "via",
        "traceparent", "tracestate", "baggage", "b3", "x-request-id", "x-correlation-id", "x-amzn-trace-id", "x-cloud-trace-context",
    }.ToFrozenSet();

    /// <summary>The digest of a call.</summary>
    /// <param name="key">The key, 32 bytes or more.</param>
    /// <param name="request">The call.</param>
    /// <param name="body">Its whole body.</param>
    /// <param name="api">Its API.</param>
    /// <param name="action">Its action.</param>
    public static string Compute(ReadOnlySpan<byte> key, CanonicalRequest request, ReadOnlySpan<byte> body, ApiDefinition api, ActionDefinition action)
    {
        Span<byte> bodyHash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, bodyHash);
        return Compute(key, request, bodyHash, BoundHeaders(request, api, action));
    }

    /// <summary>The header lines that a payload binding pins, in the order of the canonical form.</summary>
    public static ImmutableArray<HeaderLine> BoundHeaders(CanonicalRequest request, ApiDefinition api, ActionDefinition action) =>
        [.. ForwardedHeaders.OfRequest(request, api)
            .Where(h => IsBound(h.Name, action))
            .OrderBy(static h => h.Name, StringComparer.Ordinal)];

    /// <summary>Whether a forwarded header is pinned.</summary>
    public static bool IsBound(string lowerCaseName, ActionDefinition action) =>
        !Unbound.Contains(lowerCaseName)
        && !lowerCaseName.StartsWith("x-b3-", StringComparison.Ordinal)
        && !action.UnboundHeaders.Contains(lowerCaseName, StringComparer.Ordinal);

    private static string Compute(ReadOnlySpan<byte> key, CanonicalRequest request, ReadOnlySpan<byte> bodyHash, ImmutableArray<HeaderLine> headers)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        Append(hmac, "jit-payload-1");
        Append(hmac, request.Method);
        Append(hmac, request.Scheme);
        Append(hmac, request.Authority);
        Append(hmac, request.IsWebSocket ? "websocket" : "");
        Append(hmac, request.RawPath);
        Append(hmac, request.RawQuery);
        AppendLength(hmac, headers.Length);
        foreach (var (name, value) in headers)
        {
            Append(hmac, name);
            Append(hmac, value);
        }

        AppendLength(hmac, bodyHash.Length);
        hmac.AppendData(bodyHash);

        Span<byte> digest = stackalloc byte[HMACSHA256.HashSizeInBytes];
        hmac.GetHashAndReset(digest);
        return $"{Form};{Base64Url.EncodeToString(digest)}";
    }

    internal static void Append(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        AppendLength(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void AppendLength(IncrementalHash hash, int length)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, length);
        hash.AppendData(bytes);
    }
}
