using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using JitGrains.Json;

namespace JitGrains.Grants;

/// <summary>
/// Signs grants: ECDSA P-256 with SHA-256 over the grant's canonical JSON (RFC 8785) without its signature. Only silos
/// hold the key. Thread-safe.
/// </summary>
public sealed class GrantSigner(ECDsa key)
{
    private readonly Lock gate = new();

    /// <summary>The public half, for <see cref="GrantVerifier"/>.</summary>
    public GrantVerifier Verifier { get; } = new(key.ExportSubjectPublicKeyInfo());

    /// <summary>The grant with its signature.</summary>
    public Grant Sign(Grant grant)
    {
        byte[] signature;
        lock (gate)
            signature = key.SignData(GrantVerifier.SignedBytes(grant), HashAlgorithmName.SHA256);
        return grant with { Signature = $"{Verifier.KeyId}.{Base64Url.EncodeToString(signature)}" };
    }
}

/// <summary>Verifies grants when a gateway loads them. Thread-safe.</summary>
public sealed class GrantVerifier
{
    private readonly byte[] publicKey;

    // ECDsa instances promise no thread-safety, and making one is as dear as a verification: each is used by one at a time.
    private readonly ConcurrentBag<ECDsa> keys = [];

    /// <summary>Takes the public key as SubjectPublicKeyInfo.</summary>
    public GrantVerifier(ReadOnlySpan<byte> subjectPublicKeyInfo)
    {
        publicKey = subjectPublicKeyInfo.ToArray();
        KeyId = Base64Url.EncodeToString(SHA256.HashData(publicKey).AsSpan(0, 9));
    }

    /// <summary>The key's id: the start of its SHA-256.</summary>
    public string KeyId { get; }

    /// <summary>Whether the grant carries this key's signature over all that it says.</summary>
    public bool Verify(Grant grant)
    {
        var dot = grant.Signature?.IndexOf('.', StringComparison.Ordinal) ?? -1;
        if (dot < 0 || grant.Signature![..dot] != KeyId || !Base64Url.IsValid(grant.Signature.AsSpan(dot + 1)))
            return false;
        var key = keys.TryTake(out var free) ? free : Import();
        var isGenuine = key.VerifyData(SignedBytes(grant), Base64Url.DecodeFromChars(grant.Signature.AsSpan(dot + 1)), HashAlgorithmName.SHA256);
        keys.Add(key);
        return isGenuine;
    }

    private ECDsa Import()
    {
        var key = ECDsa.Create();
        key.ImportSubjectPublicKeyInfo(publicKey, out _);
        return key;
    }

    internal static byte[] SignedBytes(Grant grant) => CanonicalJson.Serialize(grant with { Signature = null });
}
