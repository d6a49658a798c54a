using System.Buffers.Text;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using JitGrains.Identity;

namespace JitGrains.Silo.Identity;

/// <summary>
/// The client certificate of a connection, whose possession the TLS handshake has proved. Made once a connection, so that what
/// is worked out of it is not worked out for each call. Whether it is one to believe is not said by it. Thread-safe.
/// </summary>
/// <param name="certificate">The certificate; it must outlive the connection.</param>
/// <param name="sent">Intermediates that came with it.</param>
public sealed class PresentedCertificate(X509Certificate2 certificate, ImmutableArray<X509Certificate2> sent = default)
{
    private CertificateCallers.Found? found;
    private DeviceCertificate? plain;

    /// <summary>The certificate itself.</summary>
    public X509Certificate2 Certificate { get; } = certificate;

    /// <summary>Intermediates that came with it.</summary>
    public ImmutableArray<X509Certificate2> Sent { get; } = sent.IsDefault ? [] : sent;

    /// <summary>SHA-256 of its DER form in base64url: <c>x5t#S256</c> of RFC 8705, section 3.1.</summary>
    public string Thumbprint { get; } = Base64Url.EncodeToString(SHA256.HashData(certificate.RawDataMemory.Span));

    /// <summary>What conditions of rules may look at. What it says counts only once an authority was found that issued it.</summary>
    public DeviceCertificate Device => Found?.Standing.Device ?? (plain ??= new DeviceCertificate(Thumbprint, null, []));

    /// <summary>What it was found to be worth, for the next call on the connection.</summary>
    internal CertificateCallers.Found? Found
    {
        get => Volatile.Read(ref found);
        set => Volatile.Write(ref found, value);
    }
}
