using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace JitGrains.Silo.Identity;

/// <summary>A DPoP proof (RFC 9449, section 4.2), read strictly; its signature is checked when asked for. Immutable.</summary>
internal sealed class DpopProof
{
    /// <summary>Longest accepted proof, in characters.</summary>
    public const int MaxLength = 8 * 1024;

    private const int MaxId = 256;

    /// <summary>What proofs may be signed with.</summary>
    public static readonly IReadOnlyList<string> Algorithms = ["ES256", "ES384", "PS256", "RS256"];

    private static readonly string[] Secret = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

    private readonly string signed;
    private readonly byte[] signature;
    private readonly string algorithm;
    private readonly JsonElement jwk;

    private DpopProof(string signed, byte[] signature, string algorithm, JsonElement jwk, string thumbprint)
    {
        (this.signed, this.signature, this.algorithm, this.jwk, Thumbprint) = (signed, signature, algorithm, jwk, thumbprint);
    }

    /// <summary>RFC 7638 thumbprint of the key, as in <c>jkt</c>.</summary>
    public string Thumbprint { get; }

    public string Id { get; private init; } = "";

    public string Method { get; private init; } = "";

    public string Url { get; private init; } = "";

    /// <summary>The token's hash, null where it names none.</summary>
    public string? TokenHash { get; private init; }

    public DateTimeOffset IssuedAt { get; private init; }

    /// <summary>Reads a proof; null where it is malformed.</summary>
    public static DpopProof? TryRead(string text)
    {
        var parts = text.Length <= MaxLength ? text.Split('.') : [];
        if (parts.Length != 3 || TokenClaims.TryRead(parts[0]) is not { } header || TokenClaims.TryRead(parts[1]) is not { } claims)
            return null;
        if (TextOf(header, "typ") != "dpop+jwt" || TextOf(header, "alg") is not { } algorithm || !Algorithms.Contains(algorithm, StringComparer.Ordinal) || header.ContainsKey("crit"))
            return null;
        if (!header.TryGetValue("jwk", out var jwk) || jwk.ValueKind != JsonValueKind.Object || ThumbprintOf(jwk, algorithm) is not { } thumbprint)
            return null;
        if (TextOf(claims, "jti") is not { Length: > 0 and <= MaxId } id || TextOf(claims, "htm") is not { } method || TextOf(claims, "htu") is not { } url
            || (TextOf(claims, "ath") is var hash && hash is null && claims.ContainsKey("ath")) || !claims.TryGetValue("iat", out var iat) || iat.ValueKind != JsonValueKind.Number
            || !iat.TryGetDouble(out var seconds) || seconds is not (> 0 and < 253_000_000_000))
        {
            return null;
        }

        return TryDecode(parts[2]) is not { } signature ? null : new DpopProof($"{parts[0]}.{parts[1]}", signature, algorithm, jwk, thumbprint)
        {
            Id = id,
            Method = method,
            Url = url,
            TokenHash = hash,
            IssuedAt = DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(seconds),
        };
    }

    /// <summary>Whether it is signed with the key that it shows.</summary>
    public bool IsSigned()
    {
        var bytes = Encoding.ASCII.GetBytes(signed);
        try
        {
            if (algorithm[0] == 'E')
            {
                using var key = ECDsa.Create(new ECParameters
                {
                    Curve = algorithm == "ES256" ? ECCurve.NamedCurves.nistP256 : ECCurve.NamedCurves.nistP384,
                    Q = new ECPoint { X = TryDecode(TextOf(jwk, "x")!), Y = TryDecode(TextOf(jwk, "y")!) },
                });
                return key.VerifyData(bytes, signature, algorithm == "ES256" ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA384);
            }

            using var rsa = RSA.Create(new RSAParameters { Modulus = TryDecode(TextOf(jwk, "n")!), Exponent = TryDecode(TextOf(jwk, "e")!) });
            return rsa.KeySize is >= 2048 and <= 4096
                && rsa.VerifyData(bytes, signature, HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
        }
        catch (CryptographicException)
        {
            // No key at all: a point beside the curve, an even modulus.
            return false;
        }
    }

    private static string? ThumbprintOf(JsonElement jwk, string algorithm)
    {
        if (Secret.Any(name => jwk.TryGetProperty(name, out _)))
            return null;
        var curve = algorithm == "ES256" ? "P-256" : "P-384";
        string[] names = algorithm[0] == 'E' ? ["x", "y"] : ["e", "n"];
        if (TextOf(jwk, "kty") != (algorithm[0] == 'E' ? "EC" : "RSA") || (algorithm[0] == 'E' && TextOf(jwk, "crv") != curve))
            return null;
        // Base64url is all that these may hold, so nothing needs escaping below.
        if (TextOf(jwk, names[0]) is not { } first || TextOf(jwk, names[1]) is not { } second || TryDecode(first) is null || TryDecode(second) is null)
            return null;
        var canonical = algorithm[0] == 'E'
            ? $$"""{"crv":"{{curve}}","kty":"EC","x":"{{first}}","y":"{{second}}"}"""
            : $$"""{"e":"{{first}}","kty":"RSA","n":"{{second}}"}""";
        return Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(canonical)));
    }

    private static byte[]? TryDecode(string text)
    {
        if (text.AsSpan().ContainsAnyExcept(Base64UrlChars))
            return null;
        try
        {
            return Base64Url.DecodeFromChars(text);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static readonly System.Buffers.SearchValues<char> Base64UrlChars =
        System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    private static string? TextOf(ImmutableDictionary<string, JsonElement> members, string name) =>
        members.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static string? TextOf(JsonElement of, string name) =>
        of.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
