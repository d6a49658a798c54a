using static JitGrains.Policy.Schema.Types;

namespace JitGrains.Policy.Schema;

/// <summary>The keys of what is asked of the device that calls.</summary>
internal static class DeviceShapes
{
    public static readonly Shape Certificate = new("device_certificate", "The connection's client certificate: every key given must fit; of a list, one suffices.",
        new("issued_by", Names, "Authorities, by the Realm of CertificateIssuers."),
        new("thumbprints", Texts, "SHA-256 thumbprints: base64url (x5t#S256), or hexadecimal."),
        new("names", Texts, "Alternative names with their kind: dns:*.example.com, email:alice@example.com, uri:spiffe://example.com/laptop/*; * stands for any text."));

    public static readonly Shape Key = new("device_key", "The key that the caller's credential is bound to, which the caller proved to hold: every key given must fit; of a list, one suffices.",
        new("bound_by", new ListType(Word("certificate", "dpop"), NotEmpty: true), "A client certificate (RFC 8705), DPoP proofs (RFC 9449). Default either."),
        new("thumbprints", Texts, "SHA-256 thumbprints: of the JWK (jkt, RFC 7638), or of the certificate (x5t#S256); base64url, or hexadecimal."));

    private static readonly ShapeKey[] Facts =
    [
        new("certificate", new EitherType(Word("any", "none"), new ShapeType(Certificate)), "The connection's client certificate; any: of a configured authority."),
        new("key", new EitherType(Word("any", "none", "certificate", "dpop"), new ShapeType(Key)), "Whether the caller's credential is bound to a key, and to which."),
        new("claims", ConditionShapes.Fields, "What the token says of the device, by the names that the issuer's DeviceClaims give to that."),
    ];

    public static readonly Shape Other = new("other_device", "A device of which not all of this is so.", Facts);

    public static readonly Shape Device = new("device", "The device that calls.",
        [.. Facts, new("not", new ShapeType(Other), "Not all of this is so. What is not known stays unknown.")]);
}
