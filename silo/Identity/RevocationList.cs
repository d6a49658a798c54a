using System.Formats.Asn1;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace JitGrains.Silo.Identity;

/// <summary>A certificate revocation list (RFC 5280, section 5): a whole one of a single issuer. Immutable and thread-safe.</summary>
internal sealed class RevocationList
{
    private readonly HashSet<string> serials;
    private readonly byte[] signed;
    private readonly byte[] signature;
    private readonly string algorithm;
    private readonly byte[] issuer;

    private RevocationList(AsnReader list)
    {
        signed = list.PeekEncodedValue().ToArray();
        var body = list.ReadSequence();
        algorithm = list.ReadSequence().ReadObjectIdentifier();
        signature = list.ReadBitString(out _);
        list.ThrowIfNotEmpty();

        if (body.PeekTag().HasSameClassAndValue(Asn1Tag.Integer))
            body.ReadInteger();
        body.ReadSequence();
        issuer = body.ReadEncodedValue().ToArray();
        ThisUpdate = Time(body);
        NextUpdate = body.HasData && IsTime(body) ? Time(body) : throw new CryptographicException("the list does not say until when it is good");
        serials = new HashSet<string>(StringComparer.Ordinal);
        if (body.HasData && body.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
        {
            for (var entries = body.ReadSequence(); entries.HasData;)
                serials.Add(Convert.ToHexString(entries.ReadSequence().ReadIntegerBytes().Span));
        }

        // A delta, or a list of some certificates only, says so in an extension that whoever does not know it must not pass over.
        if (body.HasData && HasCritical(body.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0)).ReadSequence()))
            throw new CryptographicException("the list is a partial one");
    }

    public DateTimeOffset ThisUpdate { get; }

    public DateTimeOffset NextUpdate { get; }

    /// <summary>Reads one list in DER, or any number of them in PEM.</summary>
    /// <exception cref="CryptographicException">It cannot be read.</exception>
    public static IEnumerable<RevocationList> ReadAll(byte[] file)
    {
        try
        {
            if (file is [0x30, ..])
                return [Read(file)];
            var text = System.Text.Encoding.ASCII.GetString(file);
            var all = new List<RevocationList>();
            for (var rest = text.AsSpan(); PemEncoding.TryFind(rest, out var fields); rest = rest[fields.Location.End..])
            {
                if (rest[fields.Label] is "X509 CRL")
                    all.Add(Read(Convert.FromBase64String(rest[fields.Base64Data].ToString())));
            }

            return all.Count > 0 ? all : throw new CryptographicException("it holds no revocation list");
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException($"it is no revocation list: {e.Message}", e);
        }
    }

    /// <summary>Whether it is of this authority, signed by it.</summary>
    public bool IsOf(X509Certificate2 authority)
    {
        if (!issuer.AsSpan().SequenceEqual(authority.SubjectName.RawData)
            || authority.Extensions.OfType<X509KeyUsageExtension>().Any(u => !u.KeyUsages.HasFlag(X509KeyUsageFlags.CrlSign))
            || HashOf(algorithm) is not { } hash)
        {
            return false;
        }

        using var ecdsa = authority.GetECDsaPublicKey();
        if (ecdsa is not null)
            return algorithm.StartsWith("1.2.840.10045.", StringComparison.Ordinal) && ecdsa.VerifyData(signed, signature, hash, DSASignatureFormat.Rfc3279DerSequence);
        using var rsa = authority.GetRSAPublicKey();
        return rsa is not null && algorithm.StartsWith("1.2.840.113549.", StringComparison.Ordinal) && rsa.VerifyData(signed, signature, hash, RSASignaturePadding.Pkcs1);
    }

    /// <summary>Whether a certificate of its issuer is on it.</summary>
    public bool Holds(X509Certificate2 certificate) => serials.Contains(Convert.ToHexString(certificate.SerialNumberBytes.Span));

    private static RevocationList Read(byte[] der)
    {
        var outer = new AsnReader(der, AsnEncodingRules.DER);
        var list = new RevocationList(outer.ReadSequence());
        outer.ThrowIfNotEmpty();
        return list;
    }

    private static bool HasCritical(AsnReader extensions)
    {
        while (extensions.HasData)
        {
            var one = extensions.ReadSequence();
            one.ReadObjectIdentifier();
            if (one.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && one.ReadBoolean())
                return true;
        }

        return false;
    }

    private static bool IsTime(AsnReader at) => at.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) || at.PeekTag().HasSameClassAndValue(Asn1Tag.GeneralizedTime);

    private static DateTimeOffset Time(AsnReader at) => at.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) ? at.ReadUtcTime() : at.ReadGeneralizedTime();

    private static HashAlgorithmName? HashOf(string oid) => oid switch
    {
        "1.2.840.10045.4.3.2" or "1.2.840.113549.1.1.11" => HashAlgorithmName.SHA256,
        "1.2.840.10045.4.3.3" or "1.2.840.113549.1.1.12" => HashAlgorithmName.SHA384,
        "1.2.840.10045.4.3.4" or "1.2.840.113549.1.1.13" => HashAlgorithmName.SHA512,
        _ => null,
    };
}
