using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;
using JitGrains.IdentityTests.Tables;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Keys;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.IdentityTests.Hostile;

/// <summary>hostile-tokens.yaml against the whole process, at the gateway and at the control plane, over sockets that send what they are told.</summary>
public sealed class HostileTests : IAsyncLifetime
{
    private readonly HostileProof proofs = new();
    private HostileIssuer corp = null!;
    private HostileIssuer partner = null!;
    private HostileIssuer attacker = null!;
    private OrdersUpstream upstream = null!;
    private GatewayFixture gateway = null!;
    private HostileCertificates certificates = null!;
    private HostileToken tokens = null!;

    public async Task InitializeAsync()
    {
        (corp, partner, attacker) = (await HostileIssuer.Start(), await HostileIssuer.Start(), await HostileIssuer.Start());
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Issuers:0:Realm"] = "corp",
            ["Issuers:0:Issuer"] = corp.Issuer,
            ["Issuers:0:Audiences:0"] = "jitgrains",
            ["Issuers:1:Realm"] = "partner",
            ["Issuers:1:Issuer"] = partner.Issuer,
            ["Issuers:1:Audiences:0"] = "jitgrains",
            ["Issuers:1:Algorithms:0"] = "ES256",
        };
        upstream = await OrdersUpstream.Start();
        gateway = await GatewayFixture.Start(upstream.Address, settings: settings);
        certificates = await HostileCertificates.Start(settings);
        tokens = new HostileToken(corp, partner, attacker.Issuer, proofs.Thumbprint, certificates.Thumbprint, await Given());
    }

    /// <summary>What the gateway itself gives out: API keys, and a token that was exchanged for reading order 42.</summary>
    private async Task<Dictionary<string, string>> Given()
    {
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        async Task<string> Key(string name) =>
            (await gateway.Approver("POST", "keys", bob, new { name, owner = "dev:user:alice", expires_in = 3600 })).Json["secret"]!.GetValue<string>();
        var revoked = await Key("revoked");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("DELETE", "keys/revoked", bob, new { reason = "leaked" })).Status);
        using var client = new HttpClient();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange",
            ["subject_token"] = alice,
            ["subject_token_type"] = "urn:ietf:params:oauth:token-type:access_token",
            ["authorization_details"] = """[{"type": "jit_action", "action": "orders.read", "resource": {"order": "42"}}]""",
        });
        var exchanged = (await Answer.Of(await client.PostAsync(new Uri(gateway.Gateway, "/.jit/token"), form))).Json["access_token"]!.GetValue<string>();
        return new(StringComparer.Ordinal)
        {
            ["$key-forged"] = ApiKeyText.Make("hostile"),
            ["$key-revoked"] = revoked,
            ["$key"] = await Key("hostile"),
            ["$exchanged-cut"] = exchanged[..^1],
            // One bit of what was sealed, in the middle where every bit counts.
            ["$exchanged-changed"] = exchanged[..100] + (exchanged[100] == 'A' ? 'B' : 'A') + exchanged[101..],
            ["$exchanged"] = exchanged,
        };
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
        await certificates.DisposeAsync();
        await corp.DisposeAsync();
        await partner.DisposeAsync();
        await attacker.DisposeAsync();
        proofs.Dispose();
    }

    [Fact]
    public async Task Every_row_is_answered_as_the_table_says()
    {
        var rows = YamlTable.Read("hostile-tokens.yaml");
        Assert.True(rows.Count(r => r["refused"] is not null) >= 80, "the table is about what is refused");
        var wrong = new List<string>();
        // On a busy machine the first look for keys may take longer than a call waits.
        foreach (var by in new[] { "corp", "partner" })
            await Eventually.Get(async () => await ProblemOf(new JsonObject { ["by"] = by, ["accepted"] = $"{by}:user:alice" }, gateway.Gateway, "/.jit/whoami") is null ? "yes" : null);
        await Eventually.Get(async () => await ProblemOf(new JsonObject { ["certificate"] = "own", ["accepted"] = "corp:user:alice" }, certificates.Address, "/.jit/whoami") is null ? "yes" : null);
        foreach (var row in rows)
        {
            foreach (var (server, path) in PlacesOf(row))
            {
                if (await ProblemOf(row, server, path) is { } problem)
                    wrong.Add($"{YamlTable.Name(row)} at {path}: {problem}");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        // Keys are asked for once, and once more for all the key ids that nobody knows: ten seconds have to pass in between.
        Assert.InRange(corp.Fetches, 2, 16);
        Assert.Equal(0, attacker.Fetches);
        // No token that was refused is remembered as verified: those that are good, or would be with what they are bound to, at most.
        Assert.InRange(gateway.Services.GetRequiredService<TokenValidator>().CachedTokens, 1, 2 * rows.Count(r => r["accepted"] is not null || r["claims"]?["cnf"] is not null) + 8);
    }

    /// <summary>Where a row is sent.</summary>
    private (Uri Server, string Path)[] PlacesOf(JsonObject row) => (row["certificate"], row["at"]?.GetValue<string>()) switch
    {
        (null, null) => [(gateway.Gateway, "/.jit/whoami"), (gateway.Control, "/api/v1/requests")],
        (null, { } path) => [(gateway.Gateway, path)],
        (_, var path) => [(certificates.Address, path ?? "/.jit/whoami")],
    };

    /// <summary>The challenge of RFC 9449, section 7.1.</summary>
    private static string Dpop(string error, string code) => $"DPoP realm=\"jitgrains\", algs=\"ES256 ES384 PS256 RS256\", error=\"{error}\", error_description=\"{code}\"";

    /// <summary>What is not as the table says; null where all is.</summary>
    private async Task<string?> ProblemOf(JsonObject row, Uri server, string path)
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var token = tokens.Of(row);
        var proof = row["proof"] is JsonObject described ? proofs.Of(described, token, "GET", new Uri(server, path)) : "";
        var headers = row["headers"]?.AsArray().Select(h => h!.GetValue<string>()).ToArray()
            ?? (proof.Length > 0 ? ["Authorization: DPoP $token", "DPoP: $proof"] : ["Authorization: Bearer $token"]);
        var query = row["query"] is { } q ? "?" + q.GetValue<string>().Replace("$token", token, StringComparison.Ordinal) : "";
        var head = string.Concat(headers.Select(h => tokens.FillText(h, now).Replace("$token", token, StringComparison.Ordinal).Replace("$proof", proof, StringComparison.Ordinal) + "\r\n"));
        var request = $"GET {path}{query} HTTP/1.1\r\nHost: {server.Authority}\r\nConnection: close\r\n{head}\r\n";
        Task<string> Send() => row["certificate"] is { } certificate ? certificates.Send(certificate.GetValue<string>(), request) : RawClient.Send(server, request);
        if (row["replay"] is not null && await Send() is var first && !first.StartsWith("HTTP/1.1 200", StringComparison.Ordinal))
            return $"not accepted the first time: {first}";
        var answer = await Send();
        var lines = answer.Split("\r\n\r\n")[0].Split("\r\n");
        var status = int.TryParse(lines[0].Split(' ').ElementAtOrDefault(1), CultureInfo.InvariantCulture, out var code) ? code : 0;
        var challenges = lines.Where(l => l.StartsWith("WWW-Authenticate:", StringComparison.OrdinalIgnoreCase)).Select(l => l["WWW-Authenticate:".Length..].Trim()).ToArray();
        if (row["control"] is { } there && server == gateway.Control)
            return status == there.GetValue<long>() ? null : $"{status} instead of {there}";
        if (row["accepted"] is { } accepted)
            return status == 200 && (path != "/.jit/whoami" || answer.Contains($"\"principal\":\"{accepted}\"", StringComparison.Ordinal)) ? null : $"not accepted as {accepted}: {answer}";
        if ((row["status"] ?? (server == gateway.Gateway ? row["gateway"] : null)) is { } other)
            return status == other.GetValue<long>() ? null : $"{status} instead of {other}";

        var refused = row["refused"]!.GetValue<string>();
        var expected = refused switch
        {
            TokenCodes.Missing or TokenCodes.Scheme => "Bearer realm=\"jitgrains\"",
            TokenCodes.Several => $"Bearer realm=\"jitgrains\", error=\"invalid_request\", error_description=\"{refused}\"",
            PossessionCodes.ProofMissing or PossessionCodes.ProofUnbound or PossessionCodes.ProofKey => Dpop("invalid_token", refused),
            _ when PossessionCodes.IsDpop(refused) => Dpop("invalid_dpop_proof", refused),
            _ => $"Bearer realm=\"jitgrains\", error=\"invalid_token\", error_description=\"{refused}\"",
        };
        if (status != 401 || !answer.Contains($"\"code\":\"{refused}\"", StringComparison.Ordinal))
            return $"not refused as {refused}: {answer}";
        // Other schemes may be offered beside it.
        return challenges.Any(c => c == expected || c.StartsWith(expected + ", ", StringComparison.Ordinal)) ? null : $"the challenge is {string.Join(" | ", challenges)}";
    }
}
