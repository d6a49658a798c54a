using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Identity;

namespace JitGrains.Silo.DevIssuer;

/// <summary>Makes the development issuer's tokens: ES256, one hour.</summary>
internal static class DevTokens
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>A token for one of the four principals, through these actors (kind, name), nearest first.</summary>
    public static string Make(DevelopmentIssuer issuer, string principal, IReadOnlyList<(string Kind, string Name)> actors, DateTimeOffset now, IIdGenerator ids)
    {
        var claims = new JsonObject
        {
            ["iss"] = issuer.Issuer,
            ["aud"] = DevelopmentIssuer.Audience,
            ["sub"] = principal,
            ["kind"] = "user",
            ["groups"] = new JsonArray(DevelopmentIssuer.GroupOf[principal]),
            ["iat"] = now.ToUnixTimeSeconds(),
            ["nbf"] = now.ToUnixTimeSeconds(),
            ["exp"] = (now + Lifetime).ToUnixTimeSeconds(),
            ["jti"] = ids.NewSuffix(),
        };
        JsonObject? act = null;
        foreach (var (kind, name) in actors.Reverse())
        {
            var outer = new JsonObject { ["sub"] = name, ["kind"] = kind };
            if (act is not null)
                outer["act"] = act;
            act = outer;
        }

        if (act is not null)
            claims["act"] = act;

        var header = new JsonObject { ["alg"] = "ES256", ["typ"] = "at+jwt", ["kid"] = issuer.KeyId };
        var signed = $"{Encode(header)}.{Encode(claims)}";
        // A copy of the key for each token: ECDsa instances promise no thread-safety.
        using var key = ECDsa.Create(issuer.Key.ExportParameters(includePrivateParameters: true));
        return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }

    private static string Encode(JsonNode node) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(node));
}
