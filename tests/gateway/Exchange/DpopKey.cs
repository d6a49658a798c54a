using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace JitGrains.GatewayTests.Exchange;

/// <summary>A caller's key, and its proofs (RFC 9449).</summary>
internal sealed class DpopKey : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private int proofs;

    /// <summary>Its thumbprint (RFC 7638), as in <c>jkt</c>.</summary>
    public string Thumbprint => Hash($$"""{"crv":"P-256","kty":"EC","x":"{{X}}","y":"{{Y}}"}""");

    private string X => Base64Url.EncodeToString(key.ExportParameters(includePrivateParameters: false).Q.X);

    private string Y => Base64Url.EncodeToString(key.ExportParameters(includePrivateParameters: false).Q.Y);

    /// <summary>A proof for a call, that names the token where there is one.</summary>
    public string Proof(string method, Uri address, string? token = null, string? nonce = null)
    {
        var header = new JsonObject { ["typ"] = "dpop+jwt", ["alg"] = "ES256", ["jwk"] = new JsonObject { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = X, ["y"] = Y } };
        var claims = new JsonObject
        {
            ["jti"] = $"proof-{Interlocked.Increment(ref proofs)}",
            ["htm"] = method,
            ["htu"] = address.ToString(),
            ["iat"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(),
        };
        if (token is not null)
            claims["ath"] = Hash(token);
        if (nonce is not null)
            claims["nonce"] = nonce;
        var signed = $"{Encode(header)}.{Encode(claims)}";
        return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    public void Dispose() => key.Dispose();

    private static string Hash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(text)));

    private static string Encode(JsonNode json) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));
}
