using System.Buffers.Text;
using System.Security.Cryptography;
using JitGrains.Approvals;
using JitGrains.Json;

namespace JitGrains.Binding;

/// <summary>
/// What an approver votes on: a keyed digest (HMAC-SHA256) over the canonical JSON (RFC 8785) of the whole ask. Keyed, so
/// that a masked value cannot be found by trying candidates. Printed <c>hmac-sha256;jit-review-1;BASE64URL</c>. Stateless
/// and thread-safe.
/// </summary>
public static class ReviewDigest
{
    /// <summary>The algorithm and the canonical form that every such digest begins with.</summary>
    public const string Form = "hmac-sha256;jit-review-1";

    /// <summary>The digest of an ask. Every property of it counts, those added later too.</summary>
    public static string Compute(ReadOnlySpan<byte> key, Ask ask) =>
        $"{Form};{Base64Url.EncodeToString(HMACSHA256.HashData(key, CanonicalJson.Serialize(ask)))}";
}
