using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace JitGrains.Silo.Identity;

/// <summary>
/// Whether a client certificate chains to one of the authorities of a file of one's own: nothing else is trusted, and nothing is
/// fetched. Immutable and thread-safe.
/// </summary>
public sealed class CertificateTrust
{
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private CertificateTrust(X509Certificate2Collection authorities) => Authorities = authorities;

    /// <summary>The authorities: roots, and intermediates that callers may leave out.</summary>
    public X509Certificate2Collection Authorities { get; }

    /// <summary>Reads the certificates of a PEM file.</summary>
    /// <exception cref="CryptographicException">It holds none, or one that cannot be read.</exception>
    public static CertificateTrust Read(string pem)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPem(pem);
        return all.Count > 0 ? new CertificateTrust(all) : throw new CryptographicException("it holds no certificate");
    }

    /// <summary>The chain from the certificate to an authority; null where there is none at that time, and then why.</summary>
    /// <param name="certificate">The certificate.</param>
    /// <param name="sent">Intermediates that came with it.</param>
    /// <param name="now">The time at which all of the chain must be valid.</param>
    /// <param name="problem">One sentence's middle.</param>
    public IReadOnlyList<X509Certificate2>? ChainOf(X509Certificate2 certificate, IEnumerable<X509Certificate2> sent, DateTimeOffset now, out string problem)
    {
        using var chain = new X509Chain();
        var policy = chain.ChainPolicy;
        policy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        policy.RevocationMode = X509RevocationMode.NoCheck;
        policy.DisableCertificateDownloads = true;
        policy.VerificationTime = now.UtcDateTime;
        policy.ApplicationPolicy.Add(new Oid(ClientAuthentication));
        foreach (var authority in Authorities)
            (IsRoot(authority) ? policy.CustomTrustStore : policy.ExtraStore).Add(authority);
        foreach (var one in sent)
            policy.ExtraStore.Add(one);
        if (chain.Build(certificate))
        {
            problem = "";
            // The chain's own elements end with it.
            return [.. chain.ChainElements.Select(e => X509CertificateLoader.LoadCertificate(e.Certificate.RawDataMemory.Span))];
        }

        problem = string.Join(", ", chain.ChainStatus.Select(s => s.Status.ToString()).Distinct(StringComparer.Ordinal));
        return null;
    }

    private static bool IsRoot(X509Certificate2 certificate) => certificate.SubjectName.RawData.AsSpan().SequenceEqual(certificate.IssuerName.RawData);
}
