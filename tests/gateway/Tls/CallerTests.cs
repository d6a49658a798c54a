using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Hostile;
using JitGrains.GatewayTests.Support;
using JitGrains.Silo.Identity;
using JitGrains.TestSupport;
using JitGrains.UnitTests.Silo;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Tls;

/// <summary>Who calls, shown by certificates and keys over real connections: curl, and a client that makes proofs.</summary>
public sealed class CallerTests
{
    [Fact]
    public async Task A_client_certificate_shows_who_calls_until_it_is_revoked()
    {
        using var other = TestAuthority.Make("Other");
        await using var host = await TlsHost.Start(h =>
        {
            File.WriteAllText(h.PathOf("crl.pem"), h.Authority.List(DateTimeOffset.UnixEpoch, TestAuthority.Start.AddYears(30)));
            return
            [
                ("Tls:ClientCertificates", "request"), ("CertificateIssuers:0:Realm", "mesh"), ("CertificateIssuers:0:Ca", h.Ca), ("CertificateIssuers:0:Crls:0", h.PathOf("crl.pem")),
                ("CertificateIssuers:0:Names:0:San", "dns"), ("CertificateIssuers:0:Names:0:Pattern", "(?<name>[a-z]+)[.]example[.]com"),
            ];
        });
        using var good = host.Authority.Client(["dns:billing.example.com"]);
        using var wrong = other.Client(["dns:billing.example.com"]);
        TestAuthority.Write(good, host.PathOf("good.pem"), host.PathOf("good.key"));
        TestAuthority.Write(wrong, host.PathOf("wrong.pem"), host.PathOf("wrong.key"));
        Task<(int Code, string Output)> WhoAmI(string name, params string[] more) =>
            TlsHost.Run("curl", ["-sS", "-i", "--cacert", host.Ca, "--cert", host.PathOf(name + ".pem"), "--key", host.PathOf(name + ".key"), new Uri(host.Gateway.Gateway, "/.jit/whoami").ToString(), .. more]);

        var (_, output) = await WhoAmI("good");
        Assert.Contains("\"mesh:service:billing\"", output, StringComparison.Ordinal);
        (_, output) = await WhoAmI("wrong");
        Assert.Contains(PossessionCodes.CertificateUntrusted, output, StringComparison.Ordinal);
        Assert.Contains("www-authenticate: Bearer", output, StringComparison.OrdinalIgnoreCase);
        // A token says more than a certificate.
        var bearer = "Authorization: Bearer " + await host.Gateway.Token("alice");
        Assert.Contains("\"dev:user:alice\"", (await WhoAmI("good", "-H", bearer)).Output, StringComparison.Ordinal);
        Assert.Contains("\"dev:user:alice\"", (await WhoAmI("wrong", "-H", bearer)).Output, StringComparison.Ordinal);

        host.Authority.Revoke(good, TestAuthority.Start);
        await File.WriteAllTextAsync(host.PathOf("crl.pem"), host.Authority.List(DateTimeOffset.UnixEpoch, TestAuthority.Start.AddYears(30)));
        var callers = host.Gateway.Services.GetRequiredService<CertificateCallers>();
        callers.Look();
        callers.Look();
        Assert.Contains(PossessionCodes.CertificateRevoked, (await WhoAmI("good")).Output, StringComparison.Ordinal);
        Assert.Contains(PossessionCodes.CertificateRevoked, (await WhoAmI("good", "-H", bearer)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bound_tokens_work_with_their_certificate_and_their_key_only()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var host = await TlsHost.Start(_ =>
            [("Tls:ClientCertificates", "request"), ("Issuers:0:Realm", "ext"), ("Issuers:0:Issuer", issuer.Issuer), ("Issuers:0:Audiences:0", "jitgrains")]);
        using var mine = host.Authority.Client(["dns:mine.example.com"]);
        TestAuthority.Write(mine, host.PathOf("mine.pem"), host.PathOf("mine.key"));
        var claims = issuer.Claims(TimeProvider.System.GetUtcNow());
        claims["cnf"] = new JsonObject { ["x5t#S256"] = new PresentedCertificate(mine).Thumbprint };
        string[] bearer = ["-H", $"Authorization: Bearer {issuer.Sign(claims)}"];
        string[] certificate = ["--cert", host.PathOf("mine.pem"), "--key", host.PathOf("mine.key")];
        Assert.Equal((0, "200 2"), await host.Curl("/.jit/whoami", [.. bearer, .. certificate]));
        Assert.Equal((0, "401 2"), await host.Curl("/.jit/whoami", bearer));

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        claims["cnf"] = new JsonObject { ["jkt"] = Hash($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""") };
        claims["groups"] = new JsonArray("engineering");
        var token = issuer.Sign(claims);
        string Proof(string method, string path, string id) => Sign(key, $$$"""{"typ":"dpop+jwt","alg":"ES256","jwk":{"kty":"EC","crv":"P-256","x":"{{{x}}}","y":"{{{y}}}"}}""",
            $$"""{"jti":"{{id}}","htm":"{{method}}","htu":"{{new Uri(host.Gateway.Gateway, path)}}","iat":{{TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()}},"ath":"{{Hash(token)}}"}""");
        string[] Dpop(string proof) => ["-H", $"Authorization: DPoP {token}", "-H", $"DPoP: {proof}"];

        var proof = Proof("GET", "/.jit/whoami", "one");
        Assert.Equal((0, "200 2"), await host.Curl("/.jit/whoami", Dpop(proof)));
        Assert.Equal((0, "401 2"), await host.Curl("/.jit/whoami", Dpop(proof)));
        // The same to either version of HTTP, the query not being part of it.
        Assert.Equal((0, "200 1.1"), await host.Curl("/.jit/whoami?x=1", ["--http1.1", .. Dpop(Proof("GET", "/.jit/whoami", "two"))]));
        Assert.Equal((0, "401 2"), await host.Curl("/.jit/whoami", Dpop(Proof("POST", "/.jit/whoami", "three"))));
        Assert.Equal((0, "401 2"), await host.Curl("/.jit/whoami", Dpop(Proof("GET", "/.jit/grants", "four"))));
        Assert.Equal((0, "401 2"), await host.Curl("/.jit/whoami", "-H", $"Authorization: Bearer {token}"));
        var (_, output) = await TlsHost.Run("curl", ["-sS", "-i", "--cacert", host.Ca, new Uri(host.Gateway.Gateway, "/.jit/whoami").ToString(), .. Dpop(proof)]);
        Assert.Contains("www-authenticate: DPoP realm=\"jitgrains\", algs=\"ES256 ES384 PS256 RS256\", error=\"invalid_dpop_proof\", error_description=\"dpop-proof-replayed\"", output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_proof_of_possession_does_not_travel_on()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/open/x", await gateway.Token("alice"), null, ("DPoP", "proof"), ("X-Other", "kept"))).Status);
        var seen = upstream.Seen.Last().Headers;
        Assert.False(seen.ContainsKey("DPoP"));
        Assert.Equal("kept", seen["X-Other"]);
    }

    private static string Hash(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(text)));

    private static string Sign(ECDsa key, string header, string claims)
    {
        var signed = $"{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(header))}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}";
        return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
    }
}
