using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using JitGrains.Gateway.Injection;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Yarp.ReverseProxy.Forwarder;

namespace JitGrains.GatewayTests.Injection;

/// <summary>Connections that are made with the gateway's certificate.</summary>
public sealed class CertificateTests : IDisposable
{
    private readonly SecretFiles files = new();

    public void Dispose() => files.Dispose();

    [Fact]
    public async Task The_upstream_sees_the_certificate_and_a_changed_one_and_none_for_what_enforce_would_refuse()
    {
        using var server = TestCertificate.Make();
        await using var upstream = await Upstream(server);
        var credential = $"{{client_certificate: {{certificate: \"{files.Reference("tls.crt")}\", key: \"{files.Reference("tls.key")}\"}}}}";
        Write("CN=first.example.com");
        await using var gateway = await files.Start(new Uri(upstream.Urls.First()), credential, configure: services => services.Replace(
            ServiceDescriptor.Singleton<IForwarderHttpClientFactory>(p => new TrustingClients(server, p.GetRequiredService<ClientCertificates>()))));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        Assert.Equal("CN=first.example.com", (await gateway.Send("GET", "/open/a", alice)).Body);
        Assert.Equal("none", (await gateway.Send("POST", "/watched/a", alice)).Body);
        Assert.Equal("CN=first.example.com", (await gateway.Send("GET", "/watched/a", alice)).Body);
        Assert.Equal("none", (await gateway.Send("POST", "/watched/a", alice)).Body);

        // Counted executions have connections of their own, and new ones take a new certificate.
        var asked = gateway.Send("POST", "/asked/a", alice, new { a = 1 }, ("Prefer", "wait=50"));
        await gateway.Vote(bob, await gateway.PendingRequest(bob));
        Assert.Equal("CN=first.example.com", (await asked).Body);
        Write("CN=second.example.com");
        await Eventually.Get(async () => (await gateway.Send("GET", "/open/close", alice)).Body == "CN=second.example.com" ? "" : null);

        files.Remove("tls.key");
        await Eventually.Get(async () => (await gateway.Send("GET", "/open/a", alice)).Status == HttpStatusCode.ServiceUnavailable ? "" : null);
    }

    [Fact]
    public async Task The_intermediates_in_its_file_are_sent_with_it()
    {
        using var server = TestCertificate.Make();
        using var root = TestAuthority.Make("Root");
        using var intermediate = TestAuthority.Make("Intermediate", root);
        using var client = intermediate.Client(["dns:gateway.example.com"]);
        await using var upstream = await Upstream(server, trusting: root.Certificate);
        files.Write("tls.key", client.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        files.Write("tls.crt", client.ExportCertificatePem() + "\n" + intermediate.Pem);
        await using var gateway = await files.Start(
            new Uri(upstream.Urls.First()), $"{{client_certificate: {{certificate: \"{files.Reference("tls.crt")}\", key: \"{files.Reference("tls.key")}\"}}}}", configure: services => services.Replace(
                ServiceDescriptor.Singleton<IForwarderHttpClientFactory>(p => new TrustingClients(server, p.GetRequiredService<ClientCertificates>()))));
        var alice = await gateway.Token("alice");
        Assert.Equal("CN=client", (await gateway.Send("GET", "/open/a", alice)).Body);

        // An upstream that knows the root only has no way to the certificate without what stands between.
        files.Write("tls.crt", client.ExportCertificatePem());
        await Eventually.Get(async () => (await gateway.Send("GET", "/open/close", alice)).Status == HttpStatusCode.BadGateway ? "" : null);
    }

    private void Write(string subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var start = new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var certificate = new CertificateRequest(subject, key, HashAlgorithmName.SHA256).CreateSelfSigned(start, start.AddYears(50));
        files.Write("tls.key", key.ExportPkcs8PrivateKeyPem());
        files.Write("tls.crt", certificate.ExportCertificatePem());
    }

    /// <summary>Whether what was sent leads to the authority, with nothing but that.</summary>
    private static bool IsOf(X509Certificate2 authority, X509Chain sent)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        return chain.Build(sent.ChainElements[0].Certificate);
    }

    /// <summary>Says whose certificate it was shown; where it trusts an authority, none but that one's is taken.</summary>
    private static async Task<WebApplication> Upstream(X509Certificate2 certificate, X509Certificate2? trusting = null)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l =>
        {
            // So that an answer can end its connection.
            l.Protocols = HttpProtocols.Http1;
            l.UseHttps(h =>
            {
                h.ServerCertificate = certificate;
                h.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
                if (trusting is null)
                    h.AllowAnyClientCertificate();
                else
                    h.ClientCertificateValidation = (_, chain, _) => IsOf(trusting, chain!);
            });
        }));
        var app = builder.Build();
        app.Run(context =>
        {
            if (context.Request.Path == "/open/close")
                context.Response.Headers.Connection = "close";
            return context.Response.WriteAsync(context.Connection.ClientCertificate?.Subject ?? "none");
        });
        await app.StartAsync();
        return app;
    }
}
