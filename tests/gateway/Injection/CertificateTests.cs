using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using JitGrains.Gateway.Injection;
using JitGrains.GatewayTests.Support;
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

    private void Write(string subject)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var start = new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var certificate = new CertificateRequest(subject, key, HashAlgorithmName.SHA256).CreateSelfSigned(start, start.AddYears(50));
        files.Write("tls.key", key.ExportPkcs8PrivateKeyPem());
        files.Write("tls.crt", certificate.ExportCertificatePem());
    }

    /// <summary>Says whose certificate it was shown.</summary>
    private static async Task<WebApplication> Upstream(X509Certificate2 certificate)
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
                h.AllowAnyClientCertificate();
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
