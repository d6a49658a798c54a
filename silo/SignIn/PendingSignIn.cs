using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using JitGrains.Identity;
using JitGrains.Json;

namespace JitGrains.Silo.SignIn;

/// <summary>A sign-in that was begun: what its end is held against. The browser keeps it, sealed, so that any silo can end it.</summary>
/// <param name="Realm">At which provider.</param>
/// <param name="State">What the provider must give back (RFC 6749, section 10.12).</param>
/// <param name="Nonce">What the ID token must name.</param>
/// <param name="Verifier">The code verifier (RFC 7636).</param>
/// <param name="Return">The path to go on at.</param>
/// <param name="Demand">What the sign-in must be, or null.</param>
/// <param name="ExpiresAt">Until when it can be ended.</param>
internal sealed record PendingSignIn(string Realm, string State, string Nonce, string Verifier, string Return, SignInDemand? Demand, DateTimeOffset ExpiresAt)
{
    /// <summary>How long people may take.</summary>
    public static readonly TimeSpan Within = TimeSpan.FromMinutes(15);

    /// <summary>The code challenge of the verifier, by S256.</summary>
    public string Challenge => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    public static PendingSignIn Begin(string realm, string @return, SignInDemand? demand, DateTimeOffset now) =>
        new(realm, Random(), Random(), Random(), @return, demand, now + Within);

    /// <summary>Never what is secret about it.</summary>
    public override string ToString() => $"sign-in at {Realm}";

    private static string Random() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
}

/// <summary>Seals what the browser keeps: AES-256-GCM with a key that silos share. Thread-safe.</summary>
internal sealed class PendingSeal(SecretKey key)
{
    private static readonly byte[] Purpose = Encoding.ASCII.GetBytes("jitgrains/sign-in/1");

    public string Seal(PendingSignIn pending)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes(pending, JitJson.Options);
        var sealedBytes = new byte[AesGcm.NonceByteSizes.MaxSize + plain.Length + AesGcm.TagByteSizes.MaxSize];
        var nonce = sealedBytes.AsSpan(0, AesGcm.NonceByteSizes.MaxSize);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key.Span, AesGcm.TagByteSizes.MaxSize);
        aes.Encrypt(nonce, plain, sealedBytes.AsSpan(nonce.Length, plain.Length), sealedBytes.AsSpan(nonce.Length + plain.Length), Purpose);
        return Base64Url.EncodeToString(sealedBytes);
    }

    /// <summary>What was sealed; null where it was not sealed by us, or is too old.</summary>
    public PendingSignIn? Open(string? text, DateTimeOffset now)
    {
        const int around = 28;
        if (text is null || text.Length > 4096 || !Base64Url.IsValid(text, out var length) || length <= around)
            return null;
        var sealedBytes = Base64Url.DecodeFromChars(text);
        var nonce = sealedBytes.AsSpan(0, AesGcm.NonceByteSizes.MaxSize);
        var tag = sealedBytes.AsSpan(sealedBytes.Length - AesGcm.TagByteSizes.MaxSize);
        var plain = new byte[sealedBytes.Length - around];
        try
        {
            using var aes = new AesGcm(key.Span, AesGcm.TagByteSizes.MaxSize);
            aes.Decrypt(nonce, sealedBytes.AsSpan(nonce.Length, plain.Length), tag, plain, Purpose);
            return JsonSerializer.Deserialize<PendingSignIn>(plain, JitJson.Options) is { } pending && now < pending.ExpiresAt ? pending : null;
        }
        catch (Exception e) when (e is CryptographicException or JsonException)
        {
            return null;
        }
    }
}
