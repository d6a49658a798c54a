using System.Buffers;
using System.Security.Cryptography.X509Certificates;

namespace JitGrains.Silo.Identity;

/// <summary>SPIFFE identities (SPIFFE-ID, section 2) and the rules for certificates that carry them (X509-SVID, sections 2 to 5). Stateless.</summary>
internal static class SpiffeId
{
    private const int MaxLength = 2048;
    private static readonly SearchValues<char> DomainChars = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.-_");
    private static readonly SearchValues<char> PathChars = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");

    public static bool IsTrustDomain(string name) => name.Length is > 0 and <= 255 && !name.AsSpan().ContainsAnyExcept(DomainChars);

    /// <summary>The path of a leaf certificate's identity within the trust domain, without its first slash; null where it breaks a rule, and then which.</summary>
    public static string? PathOf(X509Certificate2 leaf, IReadOnlyList<string> uris, string trustDomain, out string problem)
    {
        problem = "";
        if (uris.Count != 1)
            problem = "An X.509 SVID has exactly one URI.";
        else if (leaf.Extensions.OfType<X509BasicConstraintsExtension>().Any(b => b.CertificateAuthority))
            problem = "An authority's certificate is nobody's.";
        else if (leaf.Extensions.OfType<X509KeyUsageExtension>().FirstOrDefault()?.KeyUsages is not { } usage || !usage.HasFlag(X509KeyUsageFlags.DigitalSignature)
            || (usage & (X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign)) != X509KeyUsageFlags.None)
            problem = "An X.509 SVID's key is for digital signatures, and for signing neither certificates nor lists.";
        else if (TryPath(uris[0], trustDomain) is { } path)
            return path;
        else
            problem = "The URI is no SPIFFE id of the trust domain.";
        return null;
    }

    private static string? TryPath(string uri, string trustDomain)
    {
        var prefix = $"spiffe://{trustDomain}/";
        if (uri.Length > MaxLength || !uri.StartsWith(prefix, StringComparison.Ordinal))
            return null;
        var path = uri[prefix.Length..];
        foreach (var segment in path.Split('/'))
        {
            if (segment is "" or "." or ".." || segment.AsSpan().ContainsAnyExcept(PathChars))
                return null;
        }

        return path;
    }
}
