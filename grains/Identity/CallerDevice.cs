using System.Collections.Immutable;
using System.Text.Json;

namespace JitGrains.Identity;

/// <summary>
/// What a credential shows of the device that calls: keys that whoever presents it proved to hold, and what its issuer says of the
/// device. Immutable and thread-safe.
/// </summary>
public sealed record CallerDevice
{
    /// <summary>Nothing is shown.</summary>
    public static readonly CallerDevice None = new();

    /// <summary>The certificate that the credential is bound to, or is: <c>x5t#S256</c> of RFC 8705. Null where it is bound to none.</summary>
    public string? Certificate { get; init; }

    /// <summary>The key of DPoP proofs that the credential is bound to: <c>jkt</c> of RFC 9449. Null where it is bound to none.</summary>
    public string? ProofKey { get; init; }

    /// <summary>What the issuer says of the device, by the names that its configuration gives to that.</summary>
    public ImmutableDictionary<string, JsonElement> Claims { get; init; } = ImmutableDictionary<string, JsonElement>.Empty;
}

/// <summary>The client certificate of a call's connection, whose possession the handshake proved. Immutable and thread-safe.</summary>
/// <param name="Thumbprint">SHA-256 of it, base64url; empty where there is none.</param>
/// <param name="Authority">The configured authority that issued it, by its realm; null where it is none's, so that what it says is nobody's word.</param>
/// <param name="Names">Its alternative names, with their kinds: <c>dns:host.example.com</c>, <c>email:alice@example.com</c>, <c>uri:spiffe://example.com/a</c>.</param>
public sealed record DeviceCertificate(string Thumbprint, string? Authority, ImmutableArray<string> Names)
{
    /// <summary>The connection has none.</summary>
    public static readonly DeviceCertificate None = new("", null, []);
}
