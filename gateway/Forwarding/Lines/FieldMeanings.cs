using System.Collections.Frozen;

namespace JitGrains.Gateway.Forwarding.Lines;

/// <summary>What a field of an upstream's answer is to whoever reads it.</summary>
internal enum FieldMeaning
{
    /// <summary>It is for the caller.</summary>
    Passed,

    /// <summary>It is about the connection, which ends here.</summary>
    Dropped,

    /// <summary>How long the body is.</summary>
    Length,

    /// <summary>How the body is sent.</summary>
    Encoding,

    /// <summary>Whether the connection stays.</summary>
    Connection,
}

/// <summary>The fields, of requests too, that end here as they do in YARP's forwarder. Stateless.</summary>
internal static class FieldMeanings
{
    private static readonly FrozenDictionary<string, FieldMeaning> Other = new Dictionary<string, FieldMeaning>(StringComparer.OrdinalIgnoreCase)
    {
        ["content-length"] = FieldMeaning.Length,
        ["transfer-encoding"] = FieldMeaning.Encoding,
        ["connection"] = FieldMeaning.Connection,
        ["keep-alive"] = FieldMeaning.Dropped,
        ["upgrade"] = FieldMeaning.Dropped,
        ["proxy-connection"] = FieldMeaning.Dropped,
        ["proxy-authenticate"] = FieldMeaning.Dropped,
        ["proxy-authentication-info"] = FieldMeaning.Dropped,
        ["proxy-authorization"] = FieldMeaning.Dropped,
        ["proxy-features"] = FieldMeaning.Dropped,
        ["proxy-instruction"] = FieldMeaning.Dropped,
        ["security-scheme"] = FieldMeaning.Dropped,
        ["alpn"] = FieldMeaning.Dropped,
        ["close"] = FieldMeaning.Dropped,
        ["te"] = FieldMeaning.Dropped,
        ["alt-svc"] = FieldMeaning.Dropped,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public static FieldMeaning Of(string name) => Other.GetValueOrDefault(name, FieldMeaning.Passed);
}
