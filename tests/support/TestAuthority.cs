using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace JitGrains.TestSupport;

/// <summary>A certificate authority of a test's own: leaf certificates for servers and clients, intermediates, revocation lists.</summary>
public sealed class TestAuthority : IDisposable
{
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly CertificateRevocationListBuilder revoked = new();
    private int serial;
    private int lists;

    private TestAuthority(X509Certificate2 certificate, TestAuthority? parent) => (Certificate, Parent) = (certificate, parent);

    /// <summary>From when on what is issued here is valid, where nothing else is said.</summary>
    public static DateTimeOffset Start { get; } = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The authority's certificate, with its key.</summary>
    public X509Certificate2 Certificate { get; }

    /// <summary>Who issued it; null for a root.</summary>
    public TestAuthority? Parent { get; }

    /// <summary>The authority's certificate alone.</summary>
    public string Pem => Certificate.ExportCertificatePem();

    /// <summary>A root, or an intermediate of another.</summary>
    public static TestAuthority Make(string name, TestAuthority? parent = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        if (parent is null)
            return new TestAuthority(request.CreateSelfSigned(Start, Start.AddYears(50)), null);
        using var issued = request.Create(parent.Certificate, Start, Start.AddYears(40), parent.NextSerial());
        return new TestAuthority(issued.CopyWithPrivateKey(key), parent);
    }

    /// <summary>A certificate for a server of these names; 127.0.0.1 is always among them.</summary>
    public X509Certificate2 Server(params string[] names) => Issue($"CN={names.FirstOrDefault() ?? "server"}", ServerUse, san =>
    {
        foreach (var name in names)
            san.AddDnsName(name);
        san.AddIpAddress(IPAddress.Loopback);
    });

    /// <summary>A certificate for a client.</summary>
    /// <param name="names">Its alternative names: <c>uri:</c>, <c>dns:</c> or <c>email:</c>, then the name.</param>
    /// <param name="from">From when it is valid.</param>
    /// <param name="until">Until when.</param>
    /// <param name="usage">Its key usage, where it is to say one.</param>
    public X509Certificate2 Client(IEnumerable<string> names, DateTimeOffset? from = null, DateTimeOffset? until = null, X509KeyUsageFlags? usage = null) =>
        Issue("CN=client", ClientUse, san => Add(san, names), from, until, usage);

    /// <summary>A certificate for anything.</summary>
    public X509Certificate2 Issue(string subject, string use, Action<SubjectAlternativeNameBuilder> names, DateTimeOffset? from = null, DateTimeOffset? until = null, X509KeyUsageFlags? usage = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var san = new SubjectAlternativeNameBuilder();
        names(san);
        request.CertificateExtensions.Add(san.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        if (usage is { } flags)
            request.CertificateExtensions.Add(new X509KeyUsageExtension(flags, critical: true));
        using var issued = request.Create(Certificate, from ?? Start, until ?? Start.AddYears(30), NextSerial());
        using var whole = issued.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), password: null, X509KeyStorageFlags.Exportable);
    }

    /// <summary>Puts a certificate on the list.</summary>
    public void Revoke(X509Certificate2 certificate, DateTimeOffset at) => revoked.AddEntry(certificate, at);

    /// <summary>The revocation list, in PEM.</summary>
    public string List(DateTimeOffset from, DateTimeOffset until) =>
        PemEncoding.WriteString("X509 CRL", revoked.Build(Certificate, ++lists, until, HashAlgorithmName.SHA256, thisUpdate: from));

    /// <summary>Writes a certificate (and intermediates) and its key to two PEM files.</summary>
    public static void Write(X509Certificate2 certificate, string file, string keyFile, params TestAuthority[] intermediates)
    {
        File.WriteAllText(file, certificate.ExportCertificatePem() + "\n" + string.Join('\n', intermediates.Select(i => i.Pem)) + "\n");
        File.WriteAllText(keyFile, certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem() + "\n");
    }

    /// <inheritdoc/>
    public void Dispose() => Certificate.Dispose();

    private static void Add(SubjectAlternativeNameBuilder san, IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            var (kind, value) = (name[..name.IndexOf(':', StringComparison.Ordinal)], name[(name.IndexOf(':', StringComparison.Ordinal) + 1)..]);
            switch (kind)
            {
                case "uri":
                    san.AddUri(new Uri(value));
                    break;
                case "dns":
                    san.AddDnsName(value);
                    break;
                default:
                    san.AddEmailAddress(value);
                    break;
            }
        }
    }

    private byte[] NextSerial() => [1, (byte)Random.Shared.Next(256), (byte)Random.Shared.Next(256), (byte)(Interlocked.Increment(ref serial) >> 8), (byte)serial];
}
