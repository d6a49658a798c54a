using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace JitGrains.Gateway.Assertions;

/// <summary>
/// Closes private keys for the grain that keeps them, and opens them again: AES-256-GCM, by a key that every gateway of the
/// cluster derives from what it has and that is nowhere written (HKDF-SHA-256, RFC 5869). The key's id goes with it, so that
/// no sealed key can be put in another's place. Thread-safe.
/// </summary>
internal sealed class AssertionKeySeal(SecretKey shared)
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    private readonly SecretKey key = new(HKDF.DeriveKey(HashAlgorithmName.SHA256, shared.Span.ToArray(), 32, info: "jitgrains/1/assertion-keys"u8.ToArray()));

    /// <summary>The private key (PKCS #8), sealed.</summary>
    public string Close(string keyId, ReadOnlySpan<byte> privateKey)
    {
        var sealedKey = new byte[NonceBytes + privateKey.Length + TagBytes];
        var nonce = sealedKey.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key.Span, TagBytes);
        aes.Encrypt(nonce, privateKey, sealedKey.AsSpan(NonceBytes, privateKey.Length), sealedKey.AsSpan(NonceBytes + privateKey.Length), Encoding.UTF8.GetBytes(keyId));
        return Base64Url.EncodeToString(sealedKey);
    }

    /// <summary>What was sealed, or null where it was not sealed by this cluster under this id.</summary>
    public byte[]? Open(string keyId, string sealedKey)
    {
        if (!Base64Url.IsValid(sealedKey) || Base64Url.DecodeFromChars(sealedKey) is not { Length: > NonceBytes + TagBytes } bytes)
            return null;
        var privateKey = new byte[bytes.Length - NonceBytes - TagBytes];
        using var aes = new AesGcm(key.Span, TagBytes);
        try
        {
            aes.Decrypt(bytes.AsSpan(0, NonceBytes), bytes.AsSpan(NonceBytes, privateKey.Length), bytes.AsSpan(NonceBytes + privateKey.Length), privateKey, Encoding.UTF8.GetBytes(keyId));
            return privateKey;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }
}
