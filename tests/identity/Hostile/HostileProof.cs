using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.IdentityTests.Tables;

namespace JitGrains.IdentityTests.Hostile;

/// <summary>Makes the DPoP proofs (RFC 9449) that hostile-tokens.yaml describes, by a key of its own that tokens can be bound to. Thread-safe.</summary>
internal sealed class HostileProof : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>What a token bound to the key says: <c>jkt</c>, the thumbprint of RFC 7638.</summary>
    public string Thumbprint
    {
        get
        {
            var jwk = HostileIssuer.Jwk(key);
            var canonical = $$"""{"crv":"P-256","kty":"EC","x":"{{jwk["x"]}}","y":"{{jwk["y"]}}"}""";
            return Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(canonical)));
        }
    }

    /// <summary>The proof of a row's <c>proof</c>: a good one for this token, method and address, patched and signed as it says.</summary>
    public string Of(JsonObject proof, string token, string method, Uri address)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var by = proof["by"]?.GetValue<string>() == "stranger" ? stranger : key;
        var header = YamlTable.Patched(new JsonObject { ["typ"] = "dpop+jwt", ["alg"] = "ES256", ["jwk"] = HostileIssuer.Jwk(by) }, proof["header"]);
        if (proof["shows"]?.GetValue<string>() == "own")
            header["jwk"] = HostileIssuer.Jwk(key);
        if (proof["secret"] is not null)
            header["jwk"]!["d"] = "AA";
        var claims = YamlTable.Patched(
            new JsonObject
            {
                ["jti"] = Guid.NewGuid().ToString(),
                ["htm"] = method,
                ["htu"] = address.AbsoluteUri,
                ["iat"] = now + (proof["late"]?.GetValue<long>() ?? 0),
                ["ath"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(token))),
            },
            proof["claims"]);
        var signed = $"{Encode(header)}.{Encode(claims)}";
        var signature = proof["sign"]?.GetValue<string>() switch
        {
            "none" => [],
            "zeros" => new byte[64],
            "hmac" => HMACSHA256.HashData(Encoding.ASCII.GetBytes(HostileIssuer.Jwk(by).ToJsonString()), Encoding.ASCII.GetBytes(signed)),
            _ => by.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256),
        };
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    public void Dispose()
    {
        key.Dispose();
        stranger.Dispose();
    }

    private static string Encode(JsonObject part) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(part.ToJsonString()));
}
