using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace JitGrains.Silo.Identity;

/// <summary>
/// The client certificate of a connection, whose possession the TLS handshake has proved. Made once a connection, so that what
/// is worked out of it is not worked out for each call. Whether it is one to believe is not said by it. Immutable and thread-safe.
/// </summary>
/// <param name="certificate">The certificate; it must outlive the connection.</param>
public sealed class PresentedCertificate(X509Certificate2 certificate)
{
    /// <summary>The certificate itself.</summary>
    public X509Certificate2 Certificate { get; } = certificate;

    /// <summary>SHA-256 of its DER form in base64url: <c>x5t#S256</c> of RFC 8705, section 3.1.</summary>
    public string Thumbprint { get; } = Base64Url.EncodeToString(SHA256.HashData(certificate.RawDataMemory.Span));
}
