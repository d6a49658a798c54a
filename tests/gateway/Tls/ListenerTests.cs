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
    public async Task Beyond_loopback_TLS_is_needed_or_said_to_be_in_front(string line, params string[] expected)
    {
        var parts = line.Split('|');
        var further = parts[1..].Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => p[1], StringComparer.Ordinal);
        // One problem on purpose, so that nothing is ever started.
        var failed = await Assert.ThrowsAsync<StartupException>(() =>
            Task.FromResult(GatewayHost.Build([.. parts[0].Split(' ', StringSplitOptions.RemoveEmptyEntries), "--nonsense"], further: further)));
        var told = failed.Problems.Where(p => p.StartsWith("Tls", StringComparison.Ordinal) || p.Contains("Address", StringComparison.Ordinal) || p.StartsWith("Http2", StringComparison.Ordinal)).ToList();
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

    private Microsoft.AspNetCore.Builder.WebApplication Build(params (string Name, string Value)[] settings)
    {
        var all = settings.ToDictionary(s => s.Name, s => s.Value, StringComparer.Ordinal);
        all["Issuers:0:Realm"] = "dev";
        all["Issuers:0:Issuer"] = "https://issuer.example.com";
        all["Issuers:0:Audiences:0"] = "jit";
        return GatewayHost.Build(["--data", Path.Combine(folder, "data"), "--store", "memory", "--policy", Path.Combine(folder, "policy.yaml"), "--port", "0", "--control-port", "0"], b => b.Logging.ClearProviders(), all);
    }
}
