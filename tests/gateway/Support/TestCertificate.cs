using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Injection;

namespace JitGrains.GatewayTests.Support;

/// <summary>A certificate for 127.0.0.1 that nobody but the test trusts.</summary>
internal static class TestCertificate
{
    public static X509Certificate2 Make()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=upstream.example.com", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var start = new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var certificate = request.CreateSelfSigned(start, start.AddYears(50));
        return X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), password: null);
    }
}

/// <summary>The gateway's upstream clients, and they trust one more certificate.</summary>
internal sealed class TrustingClients(X509Certificate2 trusted, ClientCertificates? certificates = null) : UpstreamClients(certificates)
{
    protected override SocketsHttpHandler NewHandler()
    {
        var handler = base.NewHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.GetCertHashString() == trusted.GetCertHashString();
        return handler;
    }
}
