using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Hostile;
using JitGrains.GatewayTests.Tls;
using JitGrains.Silo.Identity;
using JitGrains.TestSupport;
using JitGrains.UnitTests.Silo;

namespace JitGrains.GatewayTests.Exchange;

/// <summary>What is had for a token that is bound to a certificate or a key is bound to the same.</summary>
public sealed class BoundExchangeTests : IAsyncLifetime
{
    private readonly DpopKey key = new();
    private TestIssuer issuer = null!;
    private TlsHost host = null!;

    private Uri Endpoint => new(host.Gateway.Gateway, "/.jit/token");

    private Uri Call => new(host.Gateway.Gateway, "/open/42");

    public async Task InitializeAsync()
    {
        issuer = await TestIssuer.StartAsync();
        host = await TlsHost.Start(
            _ => [("Tls:ClientCertificates", "request"), ("Issuers:0:Realm", "ext"), ("Issuers:0:Issuer", issuer.Issuer), ("Issuers:0:Audiences:0", "jitgrains")],
            AddressPolicy.Text.Replace("who: {groups: [engineering]}, actions: {names: [open.any]}", "who: {anyone: true}, actions: {names: [open.any]}", StringComparison.Ordinal));
    }

    public async Task DisposeAsync()
    {
        await host.DisposeAsync();
        await issuer.DisposeAsync();
        key.Dispose();
    }

    [Fact]
    public async Task With_a_certificate_it_needs_that_certificate()
    {
        var (mine, other) = (Certificate("mine"), Certificate("other"));
        var own = Own(new JsonObject { ["x5t#S256"] = mine.Thumbprint });
        Assert.Equal(("invalid_request", PossessionCodes.CertificateMissing), Error(await Exchange(own)));
        Assert.Equal(("invalid_request", PossessionCodes.CertificateMismatch), Error(await Exchange(own, other.Arguments)));
        var given = await Exchange(own, mine.Arguments);
        // Bound to a certificate, a token is a bearer token (RFC 8705).
        Assert.Equal("Bearer", given["token_type"]!.GetValue<string>());
        string[] bearer = ["-H", $"Authorization: Bearer {given["access_token"]}"];
        Assert.Equal("200", await Send([.. bearer, .. mine.Arguments]));
        Assert.Equal("401", await Send(bearer));
        Assert.Equal("401", await Send([.. bearer, .. other.Arguments]));
        Assert.Single(host.Upstream.Seen);
    }

    [Fact]
    public async Task With_a_key_it_needs_a_proof_by_that_key_for_each_call()
    {
        using var stranger = new DpopKey();
        var own = Own(new JsonObject { ["jkt"] = key.Thumbprint });
        Assert.Equal(("invalid_dpop_proof", PossessionCodes.ProofMissing), Error(await Exchange(own)));
        Assert.Equal(("invalid_dpop_proof", PossessionCodes.ProofKey), Error(await Exchange(own, Proof(stranger.Proof("POST", Endpoint)))));
        Assert.Equal(("invalid_dpop_proof", PossessionCodes.ProofTarget), Error(await Exchange(own, Proof(key.Proof("POST", Call)))));
        Assert.Equal(("invalid_dpop_proof", PossessionCodes.ProofTarget), Error(await Exchange(own, Proof(key.Proof("POST", Endpoint, "another token")))));
        Assert.Equal(("invalid_dpop_proof", PossessionCodes.ProofInvalid), Error(await Exchange(own, [.. Proof(key.Proof("POST", Endpoint)), .. Proof(key.Proof("POST", Endpoint))])));
        var proof = Proof(key.Proof("POST", Endpoint));
        var given = await Exchange(own, proof);
        Assert.Equal("DPoP", given["token_type"]!.GetValue<string>());
        Assert.Equal(("invalid_dpop_proof", PossessionCodes.ProofReplayed), Error(await Exchange(own, proof)));
        // One that names the token is as good.
        Assert.Equal("DPoP", (await Exchange(own, Proof(key.Proof("POST", Endpoint, own))))["token_type"]!.GetValue<string>());

        await NeedsProofs(given["access_token"]!.GetValue<string>(), stranger);
    }

    [Fact]
    public async Task What_is_bound_to_nothing_is_bound_to_the_key_that_the_request_proves_to_hold()
    {
        using var stranger = new DpopKey();
        var own = Own(cnf: null);
        Assert.Equal(("invalid_dpop_proof", PossessionCodes.ProofTarget), Error(await Exchange(own, Proof(key.Proof("GET", Endpoint)))));
        Assert.Equal(("invalid_dpop_proof", PossessionCodes.ProofInvalid), Error(await Exchange(own, Proof("nonsense"))));
        var given = await Exchange(own, Proof(key.Proof("POST", Endpoint)));
        Assert.Equal("DPoP", given["token_type"]!.GetValue<string>());
        await NeedsProofs(given["access_token"]!.GetValue<string>(), stranger);
        Assert.Equal("Bearer", (await Exchange(own))["token_type"]!.GetValue<string>());
    }

    [Fact]
    public async Task With_both_it_needs_both_and_what_cannot_be_checked_is_not_exchanged()
    {
        var mine = Certificate("mine");
        var own = Own(new JsonObject { ["x5t#S256"] = mine.Thumbprint, ["jkt"] = key.Thumbprint });
        Assert.Equal(PossessionCodes.ProofMissing, Error(await Exchange(own, mine.Arguments)).Code);
        Assert.Equal(PossessionCodes.CertificateMissing, Error(await Exchange(own, Proof(key.Proof("POST", Endpoint)))).Code);
        var token = (await Exchange(own, [.. Proof(key.Proof("POST", Endpoint)), .. mine.Arguments]))["access_token"]!.GetValue<string>();
        string[] Dpop() => ["-H", $"Authorization: DPoP {token}", .. Proof(key.Proof("GET", Call, token))];
        Assert.Equal("401", await Send(Dpop()));
        Assert.Equal("200", await Send([.. Dpop(), .. mine.Arguments]));
        Assert.Equal(("invalid_request", PossessionCodes.Confirmation), Error(await Exchange(Own(new JsonObject { ["unknown"] = "x" }), mine.Arguments)));
    }

    private async Task NeedsProofs(string token, DpopKey stranger)
    {
        string[] scheme = ["-H", $"Authorization: DPoP {token}"];
        var before = host.Upstream.Seen.Count;
        var proof = Proof(key.Proof("GET", Call, token));
        Assert.Equal("200", await Send([.. scheme, .. proof]));
        Assert.Equal("401", await Send([.. scheme, .. proof]));
        Assert.Equal("401", await Send(scheme));
        Assert.Equal("401", await Send(["-H", $"Authorization: Bearer {token}"]));
        Assert.Equal("401", await Send(["-H", $"Authorization: Bearer {token}", .. Proof(key.Proof("GET", Call, token))]));
        Assert.Equal("401", await Send([.. scheme, .. Proof(key.Proof("GET", Call))]));
        Assert.Equal("401", await Send([.. scheme, .. Proof(stranger.Proof("GET", Call, token))]));
        Assert.Equal(before + 1, host.Upstream.Seen.Count);
        Assert.DoesNotContain(host.Upstream.Seen, s => s.Headers.ContainsKey("DPoP"));
    }

    private string Own(JsonObject? cnf)
    {
        var claims = issuer.Claims(TimeProvider.System.GetUtcNow());
        if (cnf is not null)
            claims["cnf"] = cnf;
        return issuer.Sign(claims);
    }

    private (string Thumbprint, string[] Arguments) Certificate(string name)
    {
        using var certificate = host.Authority.Client([$"dns:{name}.example.com"]);
        TestAuthority.Write(certificate, host.PathOf(name + ".pem"), host.PathOf(name + ".key"));
        return (new PresentedCertificate(certificate).Thumbprint, ["--cert", host.PathOf(name + ".pem"), "--key", host.PathOf(name + ".key")]);
    }

    private static string[] Proof(string proof) => ["-H", $"DPoP: {proof}"];

    private static (string Error, string Code) Error(JsonNode answer) => (answer["error"]?.GetValue<string>() ?? answer.ToJsonString(), answer["code"]?.GetValue<string>() ?? "");

    private async Task<JsonNode> Exchange(string own, params string[] more)
    {
        var form = new[]
        {
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type=urn:ietf:params:oauth:token-type:access_token",
            "subject_token=" + own,
            "authorization_details=" + JsonSerializer.Serialize(new[] { new { type = "jit_action", action = "open.any", resource = "path=42" } }),
        };
        var (_, output) = await TlsHost.Run("curl", ["-sS", "--cacert", host.Ca, Endpoint.ToString(), .. form.SelectMany(f => new[] { "--data-urlencode", f }), .. more]);
        return JsonNode.Parse(output)!;
    }

    private async Task<string> Send(params string[] more) => (await host.Curl("/open/42", more)).Output.Split(' ')[0];
}
