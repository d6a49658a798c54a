using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using JitGrains.GatewayTests.Support;
using JitGrains.Silo.Identity;

namespace JitGrains.IdentityTests.Hostile;

/// <summary>A gateway that asks for client certificates, and certificates that it should and should not take, by the names that hostile-tokens.yaml calls them. Thread-safe.</summary>
internal sealed class HostileCertificates : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("jitgrains-hostile-").FullName;
    private readonly TestAuthority authority = TestAuthority.Make("Authority");
    private readonly TestAuthority stranger = TestAuthority.Make("Stranger");
    private readonly Dictionary<string, X509Certificate2> certificates;
    private GatewayFixture gateway = null!;

    private HostileCertificates() => certificates = new(StringComparer.Ordinal)
    {
        ["own"] = authority.Client(["dns:mine.example.com"]),
        ["other"] = authority.Client(["dns:other.example.com"]),
        ["stranger"] = stranger.Client(["dns:mine.example.com"]),
        ["expired"] = authority.Client(["dns:mine.example.com"], until: TestAuthority.Start.AddYears(1)),
        ["revoked"] = authority.Client(["dns:mine.example.com"]),
        ["nameless"] = authority.Client(["dns:mine.example.org"]),
        ["two-names"] = authority.Client(["dns:mine.example.com", "dns:other.example.com"]),
    };

    public Uri Address => gateway.Gateway;

    /// <summary>What tokens bound to <c>own</c> say: <c>x5t#S256</c>.</summary>
    public string Thumbprint => new PresentedCertificate(certificates["own"]).Thumbprint;

    public static async Task<HostileCertificates> Start(IReadOnlyDictionary<string, string> settings)
    {
        var all = new HostileCertificates();
        string PathOf(string name) => Path.Combine(all.folder, name);
        all.authority.Revoke(all.certificates["revoked"], TestAuthority.Start);
        await File.WriteAllTextAsync(PathOf("ca.pem"), all.authority.Pem);
        await File.WriteAllTextAsync(PathOf("crl.pem"), all.authority.List(DateTimeOffset.UnixEpoch, TestAuthority.Start.AddYears(30)));
        using var server = all.authority.Server("gateway.example.com");
        TestAuthority.Write(server, PathOf("server.pem"), PathOf("server.key"));
        all.gateway = await GatewayFixture.Start(
            settings: new Dictionary<string, string>(settings, StringComparer.Ordinal)
            {
                ["Tls:Certificates:0:Certificate"] = PathOf("server.pem"),
                ["Tls:Certificates:0:Key"] = PathOf("server.key"),
                ["Tls:ClientCertificates"] = "request",
                ["CertificateIssuers:0:Realm"] = "mesh",
                ["CertificateIssuers:0:Ca"] = PathOf("ca.pem"),
                ["CertificateIssuers:0:Crls:0"] = PathOf("crl.pem"),
                ["CertificateIssuers:0:Names:0:San"] = "dns",
                ["CertificateIssuers:0:Names:0:Pattern"] = "(?<name>[a-z]+)[.]example[.]com",
            },
            args: ["--store", "memory"]);
        return all;
    }

    /// <summary>Sends a request over a connection with a certificate, and reads the answer to the end of the connection.</summary>
    public async Task<string> Send(string certificate, string request)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        using var client = new TcpClient();
        await client.ConnectAsync(Address.Host, Address.Port, limit.Token);
        await using var tls = new SslStream(client.GetStream());
        var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        trust.CustomTrustStore.Add(authority.Certificate);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = Address.Host,
                CertificateChainPolicy = trust,
                // Sent whatever authorities the server names.
                ClientCertificateContext = SslStreamCertificateContext.Create(certificates[certificate], additionalCertificates: null, offline: true),
            },
            limit.Token);
        await tls.WriteAsync(Encoding.Latin1.GetBytes(request), limit.Token);
        using var reader = new StreamReader(tls, Encoding.Latin1);
        return await reader.ReadToEndAsync(limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        await gateway.DisposeAsync();
        foreach (var certificate in certificates.Values)
            certificate.Dispose();
        authority.Dispose();
        stranger.Dispose();
        Directory.Delete(folder, recursive: true);
    }
}
