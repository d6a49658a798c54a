using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using JitGrains.Assertions;

namespace JitGrains.Gateway.Assertions;

/// <summary>A key that assertions are signed with, opened. Thread-safe.</summary>
internal sealed class SigningKey
{
    private readonly ConcurrentBag<ECDsa> idle = [];
    private readonly ECParameters parameters;

    private SigningKey(AssertionKey published, ECParameters parameters)
    {
        Published = published;
        this.parameters = parameters;
        Header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"ES256","typ":"{{Assertion.Type}}","kid":"{{published.KeyId}}"}"""));
    }

    /// <summary>What of it others see, and when it signs.</summary>
    public AssertionKey Published { get; }

    /// <summary>The header of what it signs, base64url.</summary>
    public string Header { get; }

    /// <summary>Opens a key; null where it was not sealed by this cluster.</summary>
    public static SigningKey? Open(AssertionKey key, AssertionKeySeal seal)
    {
        if (seal.Open(key.KeyId, key.Sealed) is not { } bytes)
            return null;
        using var opened = ECDsa.Create();
        try
        {
            opened.ImportPkcs8PrivateKey(bytes, out _);
            return new SigningKey(key, opened.ExportParameters(includePrivateParameters: true));
        }
        catch (CryptographicException)
        {
            return null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Makes a key and seals it.</summary>
    public static OfferAssertionKey Make(AssertionKeySeal seal, TimeSpan rotation)
    {
        using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var point = made.ExportParameters(includePrivateParameters: false).Q;
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        // RFC 7638: the members that make the key, in the order of their names.
        var keyId = Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""")));
        var bytes = made.ExportPkcs8PrivateKey();
        var offer = new OfferAssertionKey(keyId, x, y, seal.Close(keyId, bytes), rotation);
        CryptographicOperations.ZeroMemory(bytes);
        return offer;
    }

    /// <summary>Signs (ES256, RFC 7518 section 3.4).</summary>
    public byte[] Sign(ReadOnlySpan<byte> data)
    {
        // ECDsa instances promise no thread-safety.
        if (!idle.TryTake(out var key))
            key = ECDsa.Create(parameters);
        try
        {
            return key.SignData(data, HashAlgorithmName.SHA256);
        }
        finally
        {
            idle.Add(key);
        }
    }
}
