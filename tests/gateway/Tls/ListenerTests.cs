using JitGrains.Gateway.Hosting;
using JitGrains.GatewayTests.Hostile;
using JitGrains.GatewayTests.Proxying;
using JitGrains.GatewayTests.Support;
using JitGrains.Silo;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace JitGrains.GatewayTests.Tls;

/// <summary>Where TLS must be, the control plane's, and what callers behind a proxy are taken to have used.</summary>
public sealed class ListenerTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jitgrains-listen-").FullName;

    [Theory]
    [InlineData("--address 0.0.0.0", "Address: beyond loopback")]
    [InlineData("--control-address 192.0.2.1", "ControlAddress: beyond loopback")]
    [InlineData("--address :: --control-address 0.0.0.0", "Address: beyond loopback", "ControlAddress: beyond loopback")]
    [InlineData("--address 0.0.0.0 --tls terminated", "")]
    [InlineData("--address 0.0.0.0 --tls TERMINATED --control-tls terminated", "")]
    [InlineData("--address 0.0.0.0 --tls yes", "Tls: 'yes' is not 'terminated'", "Address: beyond loopback")]
    [InlineData("--address 0.0.0.0 --role silo --database Host=x", "")]
    [InlineData("--control-address 0.0.0.0 --role gateway --database Host=x", "")]
    [InlineData("|Tls:Certificates:0:Certificate=a.pem|Address=0.0.0.0", "")]
    [InlineData("|Tls:Certificates:0:Certificate=a.pem|Address=0.0.0.0|Http2Port=9000", "Http2Port: it is without TLS")]
    [InlineData("|Tls:Certificates:0:Certificate=a.pem|Address=0.0.0.0|Http2Port=9000|Http2Address=127.0.0.1", "")]
    [InlineData("|Http2Port=9000|Http2Address=0.0.0.0", "Http2Address: beyond loopback")]
    [InlineData("|Tls:MinVersion=1.1", "Tls:Certificates: name at least one", "Tls:MinVersion is 1.2 or 1.3.")]
    [InlineData("|Tls:Certificates:0:Key=a|Tls:ClientCertificates=require|Tls:HandshakeWithin=0", "Tls:Certificates:0:Certificate names", "Tls:ClientCa names", "Tls:HandshakeWithin is")]
    [InlineData("|Tls:Certificates:0:Certificate=a.pem|Tls:ClientCa=ca.pem", "Tls:ClientCa goes with")]
    [InlineData("|Tls:Certificates:0:Certificate=a.pem|Tls:Ciphers=all", "Tls: ")]
    [InlineData("|Listeners:0:Name=public|Listeners:0:Address=0.0.0.0|Listeners:0:Port=8443|Listeners:0:Tls:Certificates:0:Certificate=a.pem", "")]
    [InlineData("|Listeners:0:Name=public|Listeners:0:Address=0.0.0.0|Listeners:0:Port=8443|Listeners:0:Tls=terminated|Address=0.0.0.0", "")]
    [InlineData("|Listeners:0:Name=public|Listeners:0:Address=0.0.0.0|Listeners:0:Port=8443|Listeners:0:Tls=terminated|Address=0.0.0.0|Port=80", "Address: beyond loopback")]
    [InlineData("|Listeners:0:Name=public|Listeners:0:Address=0.0.0.0|Listeners:0:Port=8443", "Listeners:0:Address: beyond loopback")]
    [InlineData("|Listeners:0:Name=mesh|Listeners:0:Address=::|Listeners:0:Port=81|Listeners:0:Protocols=http2", "Listeners:0:Address: beyond loopback")]
    [InlineData("|Listeners:0:For=control|Listeners:0:Name=ops|Listeners:0:Address=0.0.0.0|Listeners:0:Port=1|Listeners:1:Name=ops|Listeners:1:Port=1|Listeners:1:Tls=no", "Listeners: the name 'ops' is there twice", "Listeners:0:Address: beyond loopback", "Listeners:1:Tls: 'no' is not", "Listeners:1:Port: the listener 'ops' has this port")]
    [InlineData("|Listeners:0:Name=a b|Listeners:0:Protocols=http3|Listeners:0:From=all|Listeners:0:Speed=9", "Listeners:0:Name is 1 to 64", "Listeners:0:Port: name one", "Listeners:0:Protocols: 'http3' is not", "Listeners:0:From: 'all'", "Listeners:0:Speed: there is no such setting")]
    [InlineData("|Listeners:0:Name=control|Listeners:0:Port=9001|Listeners:0:For=approvers|Listeners:0:Protocols=http1-and-http2", "Listeners:0:Name is", "Listeners:0:For: 'approvers' is not callers or control", "Listeners:0:Protocols: without TLS")]
    [InlineData("|Listeners:0:Name=a|Listeners:0:Port=9001|Listeners:1:Name=b|Listeners:1:Port=9001|Listeners:1:Address=127.0.0.2|Listeners:2:Name=c|Listeners:2:Port=8081", "Listeners:2:Port: the listener 'control' has this port")]
    [InlineData("|Listeners:0:Name=a|Listeners:0:Port=9001|Listeners:0:ProxyProtocol=true|Listeners:0:Tls:ClientCertificates=require|Listeners:0:Tls:Certificates:0:Key=k", "Listeners: ProxyProtocol: list the Proxies", "Listeners:0:Tls:Certificates:0:Certificate names", "Listeners:0:Tls:ClientCa names")]
    public async Task Beyond_loopback_TLS_is_needed_or_said_to_be_in_front(string line, params string[] expected)
    {
        var parts = line.Split('|');
        var further = parts[1..].Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p[1], StringComparer.Ordinal);
        // One problem on purpose, so that nothing is ever started.
        var failed = await Assert.ThrowsAsync<StartupException>(() =>
            Task.FromResult(GatewayHost.Build([.. parts[0].Split(' ', StringSplitOptions.RemoveEmptyEntries), "--nonsense"], further: further)));
        var told = failed.Problems.Where(p => p.StartsWith("Tls", StringComparison.Ordinal) || p.Contains("Address", StringComparison.Ordinal) || p.StartsWith("Http2", StringComparison.Ordinal) || p.StartsWith("Listeners", StringComparison.Ordinal)).ToList();
        Assert.Equal(expected.Count(e => e.Length > 0), told.Count);
        foreach (var problem in expected)
            Assert.Contains(failed.Problems, p => p.StartsWith(problem, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Files_that_cannot_be_taken_are_told_at_the_start()
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "policy.yaml"), Policies.Open.Replace("$UPSTREAM", "http://127.0.0.1:9", StringComparison.Ordinal));
        var failed = Assert.Throws<StartupException>(() => Build(("Tls:Certificates:0:Certificate", Path.Combine(folder, "none.pem"))));
        var problem = Assert.Single(failed.Problems);
        Assert.StartsWith($"Tls: {Path.Combine(folder, "none.pem")}: ", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_control_plane_speaks_TLS_too()
    {
        using var authority = TestAuthority.Make("Authority");
        using var certificate = authority.Server("control.example.com");
        TestAuthority.Write(certificate, Path.Combine(folder, "control.pem"), Path.Combine(folder, "control.key"));
        await File.WriteAllTextAsync(Path.Combine(folder, "ca.pem"), authority.Pem);
        await File.WriteAllTextAsync(Path.Combine(folder, "policy.yaml"), Policies.Open.Replace("$UPSTREAM", "http://127.0.0.1:9", StringComparison.Ordinal));
        await using var app = Build(("ControlTls:Certificates:0:Certificate", Path.Combine(folder, "control.pem")), ("ControlTls:Certificates:0:Key", Path.Combine(folder, "control.key")));
        await GatewayHost.StartAsync(app);
        var address = app.Services.GetRequiredService<Listeners>().Address(ListenerRole.ControlPlane)!;
        Assert.Equal("https", address.Scheme);
        var (code, output) = await TlsHost.Run("curl", ["-sS", "--cacert", Path.Combine(folder, "ca.pem"), "-o", "/dev/null", "-w", "%{http_code} %{http_version}", new Uri(address, "/healthz").ToString()]);
        Assert.Equal((0, "200 2"), (code, output));
        Assert.Contains("Cipher is (NONE)", (await TlsHost.Run("openssl", ["s_client", "-connect", $"127.0.0.1:{address.Port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"])).Output, StringComparison.Ordinal);
        await app.StopAsync();
    }

    [Fact]
    public async Task Each_listener_of_a_list_has_its_own_certificates_versions_client_certificates_and_networks()
    {
        await using var host = await TlsHost.Start(h =>
        {
            h.Write("two", "internal.example.com");
            h.Write("ops", "ops.example.com");
            return
            [
                ("Listeners:0:Name", "internal"), ("Listeners:0:Port", "0"), ("Listeners:0:Protocols", "http1"), ("Listeners:0:From", "127.0.0.0/8"),
                ("Listeners:0:Tls:Certificates:0:Certificate", h.PathOf("two.pem")), ("Listeners:0:Tls:Certificates:0:Key", h.PathOf("two.key")),
                ("Listeners:0:Tls:Certificates:1:Certificate", h.PathOf("ops.pem")), ("Listeners:0:Tls:Certificates:1:Key", h.PathOf("ops.key")),
                ("Listeners:1:Name", "machines"), ("Listeners:1:Port", "0"), ("Listeners:1:Tls:MinVersion", "1.3"), ("Listeners:1:Tls:ClientCertificates", "require"), ("Listeners:1:Tls:ClientCa", h.Ca),
                ("Listeners:1:Tls:Certificates:0:Certificate", h.PathOf("two.pem")), ("Listeners:1:Tls:Certificates:0:Key", h.PathOf("two.key")),
                ("Listeners:2:Name", "mesh"), ("Listeners:2:Port", "0"), ("Listeners:2:Protocols", "http2"), ("Listeners:2:Tls", "terminated"),
                ("Listeners:3:Name", "elsewhere"), ("Listeners:3:Port", "0"), ("Listeners:3:From:0", "10.0.0.0/8"), ("Listeners:3:From:1", "192.0.2.7"),
            ];
        });
        using var machine = host.Authority.Client(["dns:machine.example.com"]);
        TestAuthority.Write(machine, host.PathOf("machine.pem"), host.PathOf("machine.key"));
        var listeners = host.Gateway.Services.GetRequiredService<Listeners>();
        string bearer = "Authorization: Bearer " + await host.Gateway.Token("alice");
        Task<(int Code, string Output)> Curl(string name, params string[] more) => TlsHost.Run(
            "curl", ["-sS", "--max-time", "120", "--cacert", host.Ca, "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "-H", bearer, new Uri(listeners.Address(name)!, "/.jit/whoami").ToString(), .. more]);
        async Task<string> Subject(string name, string sni) =>
            (await TlsHost.Run("openssl", ["s_client", "-connect", $"127.0.0.1:{listeners.Address(name)!.Port}", "-servername", sni, "-CAfile", host.Ca])).Output;

        // What was there before goes on beside them, where its port was named.
        Assert.Equal((0, "200 2"), await Curl("gateway"));
        Assert.Equal((0, "200 1.1"), await Curl("internal"));
        Assert.Equal((0, "200 1.1"), await Curl("internal", "--http2"));
        Assert.Contains("subject=CN = internal.example.com", (await Subject("internal", "internal.example.com")).Replace("CN=", "CN = ", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("subject=CN = ops.example.com", (await Subject("internal", "ops.example.com")).Replace("CN=", "CN = ", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("subject=CN = api.example.com", (await Subject("gateway", "ops.example.com")).Replace("CN=", "CN = ", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.NotEqual(0, (await Curl("machines")).Code);
        Assert.Equal((0, "200 2"), await Curl("machines", "--cert", host.PathOf("machine.pem"), "--key", host.PathOf("machine.key")));
        Assert.NotEqual(0, (await Curl("machines", "--tls-max", "1.2", "--cert", host.PathOf("machine.pem"), "--key", host.PathOf("machine.key"))).Code);
        Assert.Equal((0, "200 2"), await Curl("mesh", "--http2-prior-knowledge"));
        Assert.NotEqual((0, "200 1.1"), await Curl("mesh", "--http1.1"));
        Assert.Equal((0, "403 1.1"), await Curl("elsewhere"));
        Assert.Null(listeners.Address("nobody"));
    }

    [Fact]
    public async Task A_list_for_the_control_plane_takes_the_place_of_its_port()
    {
        using var authority = TestAuthority.Make("Authority");
        using var certificate = authority.Server("control.example.com");
        TestAuthority.Write(certificate, Path.Combine(folder, "control.pem"), Path.Combine(folder, "control.key"));
        await File.WriteAllTextAsync(Path.Combine(folder, "ca.pem"), authority.Pem);
        await File.WriteAllTextAsync(Path.Combine(folder, "policy.yaml"), Policies.Open.Replace("$UPSTREAM", "http://127.0.0.1:9", StringComparison.Ordinal));
        (string, string)[] list =
        [
            ("Listeners:0:Name", "ops"), ("Listeners:0:For", "control"), ("Listeners:0:Port", "0"), ("Listeners:0:Tls:Certificates:0:Certificate", Path.Combine(folder, "control.pem")), ("Listeners:0:Tls:Certificates:0:Key", Path.Combine(folder, "control.key")),
            ("Listeners:1:Name", "probes"), ("Listeners:1:For", "control"), ("Listeners:1:Port", "0"),
        ];
        await using var app = Build(list, "--port", "0");
        await GatewayHost.StartAsync(app);
        var listeners = app.Services.GetRequiredService<Listeners>();
        Assert.Null(listeners.Address("control"));
        foreach (var (name, expected) in new[] { ("ops", "200 2"), ("probes", "200 1.1") })
            Assert.Equal((0, expected), await TlsHost.Run("curl", ["-sS", "--cacert", Path.Combine(folder, "ca.pem"), "-o", "/dev/null", "-w", "%{http_code} %{http_version}", new Uri(listeners.Address(name)!, "/healthz").ToString()]));
        await app.StopAsync();
    }

    [Theory]
    [InlineData("terminated", "", "", "https")]
    [InlineData("terminated", "", "X-Forwarded-Proto: http", "https")]
    [InlineData("terminated", "127.0.0.1", "X-Forwarded-Proto: http", "http")]
    [InlineData("terminated", "127.0.0.1", "X-Forwarded-Proto: HTTPS", "https")]
    [InlineData("terminated", "127.0.0.1", "X-Forwarded-Proto: garbage", "https")]
    [InlineData("", "127.0.0.1", "X-Forwarded-Proto: https", "https")]
    [InlineData("", "127.0.0.1", "X-Forwarded-Proto: https|X-Forwarded-Proto: https", "http")]
    [InlineData("", "127.0.0.1", "", "http")]
    [InlineData("", "10.0.0.1", "X-Forwarded-Proto: https", "http")]
    [InlineData("", "", "X-Forwarded-Proto: https", "http")]
    public async Task What_callers_used_is_what_a_listed_proxy_says(string tls, string proxies, string lines, string expected)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Tls", tls), ("Proxies", proxies));
        string[] headers = [AddressPolicy.Bearer(await gateway.Token("alice")), .. lines.Split('|', StringSplitOptions.RemoveEmptyEntries)];
        Assert.StartsWith("HTTP/1.1 200 ", await RawCaller.Exchange(gateway.Gateway, "GET /open/x", headers), StringComparison.Ordinal);
        Assert.Equal(expected, upstream.Seen.Last().Headers["X-Forwarded-Proto"]);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private Microsoft.AspNetCore.Builder.WebApplication Build(params (string Name, string Value)[] settings) => Build(settings, "--port", "0", "--control-port", "0");

    private Microsoft.AspNetCore.Builder.WebApplication Build((string Name, string Value)[] settings, params string[] args)
    {
        var all = settings.ToDictionary(s => s.Name, s => s.Value, StringComparer.Ordinal);
        all["Issuers:0:Realm"] = "dev";
        all["Issuers:0:Issuer"] = "https://issuer.example.com";
        all["Issuers:0:Audiences:0"] = "jit";
        return GatewayHost.Build(["--data", Path.Combine(folder, "data"), "--store", "memory", "--policy", Path.Combine(folder, "policy.yaml"), .. args], b => b.Logging.ClearProviders(), all);
    }
}
