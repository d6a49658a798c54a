using JitGrains.Grants;

namespace JitGrains.Silo.Secrets;

/// <summary>The keys that gateways have too: with none of them can a grant be made or a vote be forged. Immutable and thread-safe.</summary>
public sealed class GatewayKeys(SecretKey payloadBinding, SecretKey auditPersonal, ReadOnlySpan<byte> grantPublic)
{
    private readonly byte[] grantPublic = grantPublic.ToArray();

    /// <summary>For the digest of a bound request.</summary>
    public SecretKey PayloadBinding { get; } = payloadBinding;

    /// <summary>For the digests that stand for personal values in audit chains.</summary>
    public SecretKey AuditPersonal { get; } = auditPersonal;

    /// <summary>Verifies grants.</summary>
    public GrantVerifier Grants { get; } = new(grantPublic);

    /// <summary>The public key of <see cref="Grants"/> (SubjectPublicKeyInfo).</summary>
    internal ReadOnlySpan<byte> GrantPublic => grantPublic;
}
