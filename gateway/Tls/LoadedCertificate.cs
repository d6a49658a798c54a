using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace JitGrains.Gateway.Tls;

/// <summary>A listener's certificate with its key and intermediates, as read from its files. Immutable and thread-safe.</summary>
internal sealed class LoadedCertificate
{
    private LoadedCertificate(SslStreamCertificateContext context, IReadOnlyList<string> hosts)
    {
        Context = context;
        Hosts = hosts;
    }

    /// <summary>What the handshake shows. Sessions are resumed within it, so it is kept for as long as the files are the same.</summary>
    public SslStreamCertificateContext Context { get; }

    /// <summary>For which names, in lower case.</summary>
    public IReadOnlyList<string> Hosts { get; }

    public DateTimeOffset NotAfter => new(Context.TargetCertificate.NotAfter);

    public string Subject => Context.TargetCertificate.Subject;

    /// <summary>Reads it.</summary>
    /// <exception cref="CryptographicException">It is no certificate with its private key.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static LoadedCertificate Read(CertificateFile file)
    {
        var password = file.PasswordFile is null ? null : File.ReadLines(file.PasswordFile).FirstOrDefault() ?? "";
        var all = Path.GetExtension(file.Certificate).ToLowerInvariant() is ".pfx" or ".p12" ? OfPkcs12(file, password) : OfPem(file, password);
        var own = all.FirstOrDefault(c => c.HasPrivateKey) ?? throw new CryptographicException("there is no private key");
        all.Remove(own);
        // Offline: a start must not depend on what a certificate says where to ask.
        var context = SslStreamCertificateContext.Create(own, all, offline: true);
        return new LoadedCertificate(context, [.. (file.Hosts.Count > 0 ? file.Hosts : NamesOf(own)).Select(h => h.ToLowerInvariant())]);
    }

    /// <summary>Whether the name is one of this certificate's; <c>*</c> stands for the first label, and for one label only.</summary>
    public bool Serves(string host) => Hosts.Any(pattern =>
        pattern.Equals(host, StringComparison.OrdinalIgnoreCase)
        || (pattern.StartsWith("*.", StringComparison.Ordinal) && host.IndexOf('.', StringComparison.Ordinal) is > 0 and var dot
            && host.AsSpan(dot).Equals(pattern.AsSpan(1), StringComparison.OrdinalIgnoreCase)));

    private static X509Certificate2Collection OfPem(CertificateFile file, string? password)
    {
        var pem = File.ReadAllText(file.Certificate);
        var key = file.Key is null ? pem : File.ReadAllText(file.Key);
        using var ephemeral = password is null ? X509Certificate2.CreateFromPem(pem, key) : X509Certificate2.CreateFromEncryptedPem(pem, key, password);
        var all = new X509Certificate2Collection();
        all.ImportFromPem(pem);
        all[0].Dispose();
        // Some systems take no key that was never in a store.
        all[0] = X509CertificateLoader.LoadPkcs12(ephemeral.Export(X509ContentType.Pkcs12), null);
        return all;
    }

    private static X509Certificate2Collection OfPkcs12(CertificateFile file, string? password) => X509CertificateLoader.LoadPkcs12CollectionFromFile(file.Certificate, password);

    private static IEnumerable<string> NamesOf(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>().SelectMany(e => e.EnumerateDnsNames());
}
