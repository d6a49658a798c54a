using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using JitGrains.IdentityTests.Tables;

namespace JitGrains.IdentityTests.Hostile;

/// <summary>Makes the tokens that hostile-tokens.yaml describes. Stateless beyond the issuers; thread-safe.</summary>
internal sealed partial class HostileToken(HostileIssuer corp, HostileIssuer partner, string attacker, string boundTo, string boundCertificate, IReadOnlyDictionary<string, string> given)
{
    /// <summary>The token of a row.</summary>
    public string Of(JsonObject row)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        if (Text(row, "token") is { } whole)
            return FillText(whole, now);
        var by = Text(row, "by") == "partner" ? partner : corp;
        var header = YamlTable.Patched(new JsonObject { ["alg"] = "ES256", ["typ"] = "at+jwt", ["kid"] = "ec1" }, Filled(row["header"], now));
        var claims = YamlTable.Patched(
            new JsonObject
            {
                ["iss"] = by.Issuer,
                ["aud"] = "jitgrains",
                ["sub"] = "alice",
                ["groups"] = new JsonArray("engineering"),
                ["iat"] = now,
                ["nbf"] = now,
                ["exp"] = now + 600,
            },
            Filled(row["claims"], now));
        var way = Text(row, "sign") ?? "key";
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        if (way == "embedded-key")
            header["jwk"] = HostileIssuer.Jwk(stranger, "ec1");
        var head = Text(row, "raw_header") ?? header.ToJsonString();
        var body = Text(row, "raw_claims") is { } raw ? FillText(raw, now) : claims.ToJsonString();
        var signed = $"{Encode(head)}.{Encode(body)}";
        return Arranged(Text(row, "arrange"), signed, Signature(way, by, header, Encoding.ASCII.GetBytes(signed), stranger));
    }

    private byte[] Signature(string way, HostileIssuer by, JsonObject header, byte[] signed, ECDsa stranger)
    {
        var algorithm = Text(header, "alg") ?? "ES256";
        var good = by.Sign(algorithm, header["kid"] is JsonValue kid && kid.TryGetValue<string>(out var id) ? id : null, signed);
        return way switch
        {
            "key" => good,
            "none" => [],
            "zeros" => new byte[64],
            "order" => Convert.FromHexString("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"),
            "der" => by.Ec.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence),
            "half" => good[..(good.Length / 2)],
            "longer" => [.. good, 0],
            "stranger" or "embedded-key" => stranger.SignData(signed, HashAlgorithmName.SHA256),
            "partner" => partner.Sign(algorithm, null, signed),
            "other-claims" => by.Sign(algorithm, null, Encoding.ASCII.GetBytes("e30.e30")),
            "hmac-spki" => HMACSHA256.HashData(by.Rsa.ExportSubjectPublicKeyInfo(), signed),
            "hmac-pem" => HMACSHA256.HashData(Encoding.ASCII.GetBytes(by.Rsa.ExportSubjectPublicKeyInfoPem()), signed),
            "hmac-modulus" => HMACSHA256.HashData(by.Rsa.ExportParameters(false).Modulus!, signed),
            "hmac-jwk" => HMACSHA256.HashData(Encoding.ASCII.GetBytes(HostileIssuer.Jwk(by.Ec, "ec1").ToJsonString()), signed),
            "hmac-published" => HMACSHA256.HashData(by.Oct, signed),
            "hmac-empty" => HMACSHA256.HashData(Array.Empty<byte>(), signed),
            _ => throw new FormatException($"sign: {way}"),
        };
    }

    private static string Arranged(string? how, string signed, byte[] signature)
    {
        var (parts, last) = (signed.Split('.'), Base64Url.EncodeToString(signature));
        return how switch
        {
            null => $"{signed}.{last}",
            "no-signature-part" => signed,
            "four-parts" => $"{signed}.{last}.{last}",
            "five-parts" => $"{parts[0]}..{parts[1]}.{last}.{last}",
            "padded" => $"{parts[0]}==.{parts[1]}==.{last}==",
            "plain-base64" => $"{parts[0]}.{parts[1]}.{Convert.ToBase64String(signature)}",
            "swapped" => $"{parts[1]}.{parts[0]}.{last}",
            "json" => $"{{\"payload\":\"{parts[1]}\",\"protected\":\"{parts[0]}\",\"signature\":\"{last}\"}}",
            "detached" => $"{parts[0]}..{last}",
            "space-inside" => $"{parts[0]}. {parts[1]}.{last}",
            "space-in-signature" => $"{signed}.{last[..20]} {last[20..]}",
            "lower-case" => $"{signed}.{last}".ToLowerInvariant(),
            _ => throw new FormatException($"arrange: {how}"),
        };
    }

    /// <summary>The text with what stands for issuers, times and long runs of text put in.</summary>
    public string FillText(string text, long now) => Marks().Replace(
        given.Aggregate(text, static (t, g) => t.Replace(g.Key, g.Value, StringComparison.Ordinal)).Replace("$corp", corp.Issuer, StringComparison.Ordinal).Replace("$partner", partner.Issuer, StringComparison.Ordinal).Replace("$attacker", attacker, StringComparison.Ordinal).Replace("$jkt", boundTo, StringComparison.Ordinal).Replace("$x5t", boundCertificate, StringComparison.Ordinal),
        m => m.Groups["x"].Success
            ? new string('x', int.Parse(m.Groups["x"].Value, CultureInfo.InvariantCulture))
            : (now + (m.Groups["plus"].Success ? long.Parse(m.Groups["plus"].Value, CultureInfo.InvariantCulture) : 0)).ToString(CultureInfo.InvariantCulture));

    private JsonNode? Filled(JsonNode? node, long now) => node switch
    {
        JsonObject members => new JsonObject(members.Select(m => KeyValuePair.Create(m.Key, Filled(m.Value, now)))),
        JsonArray items => new JsonArray([.. items.Select(i => Filled(i, now))]),
        JsonValue value when value.TryGetValue<string>(out var text) => text.StartsWith("$now", StringComparison.Ordinal)
            ? JsonValue.Create(long.Parse(FillText(text, now), CultureInfo.InvariantCulture))
            : JsonValue.Create(FillText(text, now)),
        _ => node?.DeepClone(),
    };

    private static string? Text(JsonObject row, string name) => row[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    [GeneratedRegex(@"\$now(?<plus>[+-][0-9]+)?|\$x(?<x>[0-9]+)", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    private static partial Regex Marks();
}
