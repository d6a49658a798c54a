namespace JitGrains.Policy.Schema;

/// <summary>The keys of a file of cases.</summary>
internal static class CaseShapes
{
    public static readonly Shape Certificate = new("case_certificate", "The connection's client certificate.",
        new("issued_by", Types.Name, "The authority, by the Realm of CertificateIssuers. Default none that is configured."),
        new("thumbprint", Types.Text, "Its SHA-256 thumbprint."),
        new("names", Types.Texts, "Its alternative names, with their kinds: dns:host.example.com."));

    public static readonly Shape Key = new("case_key", "What the credential is bound to.",
        new("certificate", Types.Text, "The thumbprint of a client certificate."),
        new("dpop", Types.Text, "The thumbprint of a key of DPoP proofs."));

    public static readonly Shape Device = new("case_device", "What is known of the device that calls.",
        new("certificate", new ShapeType(Certificate), "The connection's client certificate. Default none."),
        new("key", new ShapeType(Key), "What the credential is bound to. Default nothing."),
        new("claims", new AnyMapType(), "What the issuer says of the device."));

    public static readonly Shape Case = new("case", "What policy must say of one call.",
        new("name", Types.Text, "Unique in the file.", Required: true),
        new("as", Types.Text, "The caller, user:alice.", Required: true),
        new("actors", Types.Texts, "Who acts for the caller, nearest to the call first."),
        new("groups", new ListType(Types.Text), "The caller's groups."),
        new("claims", new AnyMapType(), "Claims of the caller's token."),
        new("request", Types.Text, "Method and path, or method and URL.", Required: true),
        new("host", Types.Text, "The host, where the request is a path. Default localhost."),
        new("headers", new MapType(new EitherType(Types.Text, Types.Texts)), "Headers; a list sends one several times."),
        new("body", new EitherType(new AnyMapType(), Types.Text), "A mapping is sent as JSON (application/json unless headers say otherwise), text as it is."),
        new("address", Types.Text, "The caller's address. Default unknown."),
        new("country", Types.Text, "The address's country, as an address table would say. Default unknown."),
        new("asn", new EitherType(Types.Number, Types.Text), "The number of the address's network (autonomous system). Default unknown."),
        new("device", new ShapeType(Device), "What is known of the device that calls. Default unknown; with {}, it shows nothing."),
        new("at", Types.Text, "The time, 2026-03-04T12:00:00Z. Default that of the run."),
        new("expect", Types.Word("allow", "approve", "deny"), "What must come out. Every refusal is a deny.", Required: true),
        new("rule", Types.Text, "The rule that must decide; of several approve rules, names joined with +."),
        new("automatic", Types.Flag, "Whether policy itself must approve."),
        new("refusal", Types.Text, "The code of the refusal that must come before any rule: network-denied, confusable-target, encoded-slash, ambiguous-action..."),
        new("limits", new ListType(Types.Name), "The limits that must count the call: these and no others."));

    public static readonly Shape Root = new("cases", "Cases of a policy.",
        new ShapeKey("cases", new ListType(new ShapeType(Case), NotEmpty: true), "The cases.", Required: true));
}

/// <summary>A mapping with anything in it.</summary>
internal sealed record AnyMapType : ValueType;
