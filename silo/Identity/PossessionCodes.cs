namespace JitGrains.Silo.Identity;

/// <summary>Why certificates and proofs of possession are refused. Stable words, beside those of <see cref="TokenCodes"/>.</summary>
public static class PossessionCodes
{
    /// <summary>The token's <c>cnf</c> names a way of proof that is not known here, or is malformed.</summary>
    public const string Confirmation = "confirmation-unsupported";

    /// <summary>The token is bound to a certificate, and the connection has none.</summary>
    public const string CertificateMissing = "certificate-missing";

    /// <summary>The token is bound to another certificate.</summary>
    public const string CertificateMismatch = "certificate-mismatch";

    /// <summary>None of the configured authorities issued the certificate.</summary>
    public const string CertificateUntrusted = "certificate-untrusted";

    /// <summary>The certificate's time is over, or has not come.</summary>
    public const string CertificateExpired = "certificate-expired";

    /// <summary>The certificate, or one above it, is on its issuer's revocation list.</summary>
    public const string CertificateRevoked = "certificate-revoked";

    /// <summary>The certificate's names are not those of a principal.</summary>
    public const string CertificateName = "certificate-name";

    /// <summary>The token is bound to a key, and there is no DPoP proof; or it came as a bearer token.</summary>
    public const string ProofMissing = "dpop-proof-missing";

    /// <summary>The scheme is DPoP, and the token is not bound to a key.</summary>
    public const string ProofUnbound = "dpop-token-unbound";

    /// <summary>The proof is malformed, or its signature is wrong.</summary>
    public const string ProofInvalid = "dpop-proof-invalid";

    /// <summary>The proof is by another key than the token is bound to.</summary>
    public const string ProofKey = "dpop-key-mismatch";

    /// <summary>The proof is for another method, address or token.</summary>
    public const string ProofTarget = "dpop-proof-mismatch";

    /// <summary>The proof is too old, or from the future.</summary>
    public const string ProofTime = "dpop-proof-time";

    /// <summary>The proof was used before.</summary>
    public const string ProofReplayed = "dpop-proof-replayed";

    /// <summary>Whether it is about DPoP, whose challenge is another than Bearer's.</summary>
    public static bool IsDpop(string code) => code.StartsWith("dpop-", StringComparison.Ordinal);
}
