using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using JitGrains.Identity;

namespace JitGrains.Silo.Keys;

/// <summary>The text of an API key: <c>jitk_</c>, 256 random bits in base64url, an underscore, its name. Stateless and thread-safe.</summary>
public static class ApiKeyText
{
    /// <summary>How each begins, so that scanners for leaked secrets know them.</summary>
    public const string Prefix = "jitk_";

    private const int SecretLength = 43;

    /// <summary>A new key of this name. Its secret is in no other place than the answer.</summary>
    public static string Make(string name) => $"{Prefix}{Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32))}_{name}";

    /// <summary>What is kept of it. Nobody guesses 256 bits, so a plain hash will do.</summary>
    public static string HashOf(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(text)));

    /// <summary>Whether it is meant to be a key, and no JWT.</summary>
    public static bool IsKey(ReadOnlySpan<char> text) => text.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Whether it begins as a key or an exchanged token does.</summary>
    public static bool IsOfCredential(ReadOnlySpan<char> text) => text is ['j' or 'J', 'i' or 'I', 't' or 'T', 'k' or 'K' or 'x' or 'X', '_', ..];

    /// <summary>The key's name; null where the text is none of a key.</summary>
    public static string? NameOf(ReadOnlySpan<char> text)
    {
        if (!IsKey(text) || text.Length <= Prefix.Length + SecretLength + 1 || text[Prefix.Length + SecretLength] != '_')
            return null;
        var name = text[(Prefix.Length + SecretLength + 1)..].ToString();
        return SafeText.IsToken(name) ? name : null;
    }
}
