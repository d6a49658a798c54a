using JitGrains.Gateway.Tls;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Tls;

/// <summary>TLS of the callers' listener as openssl's client and curl see it.</summary>
public sealed class HandshakeTests
{
    [Fact]
    public async Task Old_versions_and_weak_suites_are_refused()
    {
        await using var host = await TlsHost.Start();
        foreach (var (arguments, expected) in new[]
        {
            (new[] { "-tls1_3" }, "TLSv1.3"),
            (["-tls1_2"], "TLSv1.2"),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], "ECDHE-ECDSA-AES128-GCM-SHA256"),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], "ECDHE-ECDSA-CHACHA20-POLY1305"),
            // CBC, and no authenticated encryption.
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA256"], null),
            (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"], null),
            (["-tls1_2", "-cipher", "AES128-GCM-SHA256"], null),
            (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], null),
            (["-tls1", "-cipher", "ALL:@SECLEVEL=0"], (string?)null),
        })
        {
            var (code, output) = await host.Handshake("api.example.com", [.. arguments, "-verify_return_error"]);
            if (expected is null)
                Assert.Contains("Cipher is (NONE)", output, StringComparison.Ordinal);
            else
                Assert.True(code == 0 && output.Contains(expected, StringComparison.Ordinal) && output.Contains("Verify return code: 0 (ok)", StringComparison.Ordinal), output);
        }
    }

    [Fact]
    public async Task Only_the_newest_version_where_that_is_said()
    {
        await using var host = await TlsHost.Start(_ => [("Tls:MinVersion", "1.3")]);
        Assert.Contains("Cipher is (NONE)", (await host.Handshake("api.example.com", "-tls1_2")).Output, StringComparison.Ordinal);
        Assert.Contains("TLSv1.3", (await host.Handshake("api.example.com", "-tls1_3")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Each_name_has_its_certificate_and_the_first_serves_the_rest()
    {
        await using var host = await TlsHost.Start(h =>
        {
            h.Write("two", "pay.example.com", "*.eu.example.com");
            using var three = h.Authority.Server("three.example.com");
            File.WriteAllBytes(h.PathOf("three.pfx"), three.Export(System.Security.Cryptography.X509Certificates.X509ContentType.Pkcs12, "open sesame"));
            File.WriteAllText(h.PathOf("password"), "open sesame\n");
            return
            [
                ("Tls:Certificates:1:Certificate", h.PathOf("two.pem")), ("Tls:Certificates:1:Key", h.PathOf("two.key")),
                ("Tls:Certificates:2:Certificate", h.PathOf("three.pfx")), ("Tls:Certificates:2:PasswordFile", h.PathOf("password")), ("Tls:Certificates:2:Hosts:0", "other.example.com"),
            ];
        });
        foreach (var (name, subject) in new[]
        {
            ("api.example.com", "api.example.com"), ("pay.example.com", "pay.example.com"), ("PAY.example.com", "pay.example.com"), ("a.eu.example.com", "pay.example.com"),
            ("a.b.eu.example.com", "api.example.com"), ("eu.example.com", "api.example.com"), ("other.example.com", "three.example.com"), ("unknown.example.com", "api.example.com"),
        })
        {
            Assert.Contains($"subject=CN = {subject}", (await host.Handshake(name)).Output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task One_port_speaks_both_versions_of_http()
    {
        await using var host = await TlsHost.Start();
        Assert.Contains("ALPN protocol: h2", (await host.Handshake("api.example.com", "-alpn", "h2,http/1.1")).Output, StringComparison.Ordinal);
        Assert.Contains("ALPN protocol: http/1.1", (await host.Handshake("api.example.com", "-alpn", "http/1.1")).Output, StringComparison.Ordinal);
        var bearer = "Authorization: Bearer " + await host.Gateway.Token("alice");
        Assert.Equal((0, "200 2"), await host.Curl("/open/x", "--http2", "-H", bearer));
        Assert.Equal((0, "200 1.1"), await host.Curl("/open/x", "--http1.1", "-H", bearer));
        Assert.All(host.Upstream.Seen, seen => Assert.Equal("https", seen.Headers["X-Forwarded-Proto"]));
        // The further port stays clear.
        Assert.Equal("http", host.Gateway.Http2.Scheme);
    }

    [Fact]
    public async Task Changed_files_are_taken_and_what_cannot_be_taken_leaves_the_last_good_certificate()
    {
        await using var host = await TlsHost.Start();
        var listener = host.Gateway.Services.GetRequiredService<TlsListeners>().Of("gateway")!;
        async Task Shows(string subject, bool degraded)
        {
            Assert.Contains($"subject=CN = {subject}", (await host.Handshake("any.example.com")).Output, StringComparison.Ordinal);
            Assert.Equal(degraded, listener.Degraded);
        }

        host.Write("one", "new.example.com");
        listener.Look();
        await Shows("api.example.com", degraded: false);
        listener.Look();
        await Shows("new.example.com", degraded: false);

        // The key of another certificate.
        host.Write("two", "newer.example.com");
        File.Copy(host.PathOf("two.pem"), host.PathOf("one.pem"), overwrite: true);
        listener.Look();
        listener.Look();
        await Shows("new.example.com", degraded: true);
        File.Copy(host.PathOf("two.key"), host.PathOf("one.key"), overwrite: true);
        listener.Look();
        listener.Look();
        await Shows("newer.example.com", degraded: false);
        File.Delete(host.PathOf("one.key"));
        listener.Look();
        listener.Look();
        await Shows("newer.example.com", degraded: true);
    }

    [Fact]
    public async Task Client_certificates_are_required_and_of_the_right_authority()
    {
        await using var host = await TlsHost.Start(h => [("Tls:ClientCertificates", "require"), ("Tls:ClientCa", h.Ca)]);
        using var other = TestAuthority.Make("Other");
        using var good = host.Authority.Client(["dns:billing.example.com"]);
        using var wrong = other.Client(["dns:billing.example.com"]);
        using var over = host.Authority.Client(["dns:billing.example.com"], until: TestAuthority.Start.AddYears(1));
        using var server = host.Authority.Server("billing.example.com");
        foreach (var (name, certificate) in new[] { ("good", good), ("wrong", wrong), ("over", over), ("server", server) })
            TestAuthority.Write(certificate, host.PathOf(name + ".pem"), host.PathOf(name + ".key"));

        Assert.Equal((0, "200 2"), await host.Curl("/.jit/livez", "--cert", host.PathOf("good.pem"), "--key", host.PathOf("good.key")));
        Assert.NotEqual(0, (await host.Curl("/.jit/livez")).Code);
        foreach (var name in new[] { "wrong", "over", "server" })
            Assert.NotEqual(0, (await host.Curl("/.jit/livez", "--cert", host.PathOf(name + ".pem"), "--key", host.PathOf(name + ".key"))).Code);
    }
}
