using System.Globalization;
using System.Text.Json.Nodes;
using JitGrains.Silo.Identity;
using JitGrains.TestSupport;
using JitGrains.UnitTests.Silo;

namespace JitGrains.GatewayTests.Tls;

/// <summary>Rules about the device that calls, and APIs with audiences of their own, over real handshakes: curl, with certificates and without.</summary>
public sealed class DeviceTests
{
    private const string Policy = """
        version: 1
        realm: ext
        groups: {managers: {}}
        apis:
          a:
            upstreams: [$UPSTREAM]
            prefix: /a
            audiences: [a]
            actions:
              a.fleet: {methods: [GET], path: /a/fleet}
              a.bound: {methods: [GET], path: /a/bound}
              a.open: {methods: [GET], path: /a/open, access: read}
              a.ask: {methods: [POST], path: /a/ask, binding: action}
          b:
            upstreams: [$UPSTREAM]
            prefix: /b
            actions:
              b.open: {methods: [GET], path: /b/open, access: read}
        rules:
          - {name: open, who: {anyone: true}, actions: {access: [read]}, effect: allow}
          - {name: fleet, who: {anyone: true}, actions: {names: [a.fleet]}, when: {device: {certificate: {issued_by: [fleet], names: ["dns:*.fleet.example.com"]}}}, effect: allow}
          - {name: bound, who: {anyone: true}, actions: {names: [a.bound]}, when: {device: {key: certificate}}, effect: allow}
          - {name: not-compliant, who: {anyone: true}, actions: {names: ["a.*"]}, when: {device: {not: {claims: {compliant: true}}}}, effect: deny}
          - {name: ask, who: {anyone: true}, actions: {names: [a.ask]}, effect: approve, approve: {stages: [{groups: [managers]}], auto: {device: {certificate: any}}}}
        """;

    [Fact]
    public async Task Rules_ask_for_certificate_key_and_compliance_and_APIs_for_their_audience()
    {
        await using var issuer = await TestIssuer.StartAsync();
        using var fleet = TestAuthority.Make("Fleet");
        await using var host = await TlsHost.Start(
            h =>
            {
                File.WriteAllText(h.PathOf("fleet.pem"), fleet.Pem);
                return
                [
                    ("Tls:ClientCertificates", "request"),
                    ("CertificateIssuers:0:Realm", "fleet"), ("CertificateIssuers:0:Ca", h.PathOf("fleet.pem")), ("CertificateIssuers:0:Devices", "true"),
                    ("Issuers:0:Realm", "ext"), ("Issuers:0:Issuer", issuer.Issuer), ("Issuers:0:Audiences:0", "a"), ("Issuers:0:Audiences:1", "b"),
                    ("Issuers:0:DeviceClaims:compliant", "/device/compliant"),
                ];
            },
            Policy);
        using var laptop = fleet.Client(["dns:laptop-7.fleet.example.com"]);
        using var elsewhere = host.Authority.Client(["dns:laptop-7.fleet.example.com"]);
        TestAuthority.Write(laptop, host.PathOf("laptop.pem"), host.PathOf("laptop.key"));
        TestAuthority.Write(elsewhere, host.PathOf("elsewhere.pem"), host.PathOf("elsewhere.key"));

        string Token(string audience, object? compliant, string? boundTo = null)
        {
            var claims = issuer.Claims(TimeProvider.System.GetUtcNow());
            claims["aud"] = audience;
            claims["compliant"] = true;
            claims["device"] = compliant is null ? new JsonObject() : new JsonObject { ["compliant"] = JsonValue.Create(compliant) };
            if (boundTo is not null)
                claims["cnf"] = new JsonObject { ["x5t#S256"] = boundTo };
            return issuer.Sign(claims);
        }

        async Task<int> Get(string path, string token, string? certificate = null)
        {
            string[] shown = certificate is null ? [] : ["--cert", host.PathOf(certificate + ".pem"), "--key", host.PathOf(certificate + ".key")];
            var (code, output) = await host.Curl(path, ["-H", $"Authorization: Bearer {token}", .. shown]);
            Assert.Equal(0, code);
            return int.Parse(output.Split(' ')[0], CultureInfo.InvariantCulture);
        }

        var good = Token("a", compliant: true);
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(200, await Get("/a/open", good));
            // The certificate, of the fleet's authority; another authority's names prove nothing.
            Assert.Equal(403, await Get("/a/fleet", good));
            Assert.Equal(200, await Get("/a/fleet", good, "laptop"));
            Assert.Equal(403, await Get("/a/fleet", good, "elsewhere"));
            // What the issuer says: under the name that the settings give, and nothing said is not compliant.
            Assert.Equal(403, await Get("/a/open", Token("a", compliant: false)));
            Assert.Equal(403, await Get("/a/open", Token("a", compliant: "true")));
            Assert.Equal(403, await Get("/a/open", Token("a", compliant: null), "laptop"));
            // The key: a certificate beside a token that is not bound to it is none.
            Assert.Equal(403, await Get("/a/bound", good, "laptop"));
            Assert.Equal(200, await Get("/a/bound", Token("a", true, new PresentedCertificate(laptop).Thumbprint), "laptop"));
            Assert.Equal(401, await Get("/a/bound", Token("a", true, new PresentedCertificate(laptop).Thumbprint), "elsewhere"));
            // The audience.
            Assert.Equal(401, await Get("/a/open", Token("b", true)));
            Assert.Equal(200, await Get("/b/open", Token("b", true)));
            Assert.Equal(200, await Get("/b/open", good));
        }

        // A device that policy itself approves: the call is held for as long as that takes.
        var (ended, ran) = await host.Curl("/a/ask", ["-X", "POST", "-H", $"Authorization: Bearer {good}", "-H", "Prefer: wait=50", "--cert", host.PathOf("laptop.pem"), "--key", host.PathOf("laptop.key")]);
        Assert.Equal((0, "200 2"), (ended, ran));
        // Without its certificate the same call waits for people.
        var (_, asked) = await TlsHost.Run("curl", ["-sS", "-i", "--cacert", host.Ca, "-X", "POST", "-H", $"Authorization: Bearer {good}", "-H", "Prefer: wait=0", new Uri(host.Gateway.Gateway, "/a/ask").ToString()]);
        Assert.Contains("approval-required", asked, StringComparison.Ordinal);

        // A device by itself is nobody.
        var (_, output) = await TlsHost.Run("curl", ["-sS", "-i", "--cacert", host.Ca, "--cert", host.PathOf("laptop.pem"), "--key", host.PathOf("laptop.key"), new Uri(host.Gateway.Gateway, "/b/open").ToString()]);
        Assert.Contains(PossessionCodes.CertificateName, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_asked_for_ahead_needs_the_APIs_audience_too()
    {
        await using var issuer = await TestIssuer.StartAsync();
        await using var host = await TlsHost.Start(
            _ => [("Issuers:0:Realm", "ext"), ("Issuers:0:Issuer", issuer.Issuer), ("Issuers:0:Audiences:0", "a"), ("Issuers:0:Audiences:1", "b"), ("Issuers:0:DeviceClaims:compliant", "compliant")], Policy);
        foreach (var (audience, expected) in new[] { ("a", "201"), ("b", "401") })
        {
            var claims = issuer.Claims(TimeProvider.System.GetUtcNow());
            (claims["aud"], claims["compliant"]) = (audience, true);
            var (code, output) = await host.Curl("/.jit/requests", "-H", $"Authorization: Bearer {issuer.Sign(claims)}", "-H", "Content-Type: application/json", "-d", """{"action": "a.ask", "resource": {}}""");
            Assert.Equal((0, $"{expected} 2"), (code, output));
        }
    }
}
