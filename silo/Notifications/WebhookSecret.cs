using System.Security.Cryptography;
using System.Text;

namespace JitGrains.Silo.Notifications;

/// <summary>A webhook's secret, and its signatures (Standard Webhooks, symmetric scheme v1). Immutable and thread-safe.</summary>
internal readonly record struct WebhookSecret(SecretKey Key)
{
    public const string Prefix = "whsec_";

    /// <summary>Reads <c>whsec_</c> and 24 to 64 bytes in base64.</summary>
    public static bool TryParse(string? text, out WebhookSecret secret)
    {
        secret = default;
        var bytes = new byte[64];
        if (text is null || !text.StartsWith(Prefix, StringComparison.Ordinal)
            || !Convert.TryFromBase64String(text[Prefix.Length..], bytes, out var length) || length < 24)
        {
            return false;
        }

        secret = new WebhookSecret(new SecretKey(bytes.AsSpan(0, length)));
        return true;
    }

    /// <summary>The value of <c>webhook-signature</c> for a message sent at this time.</summary>
    public string Sign(string id, long unixSeconds, string body)
    {
        Span<byte> mac = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(Key.Span, Encoding.UTF8.GetBytes($"{id}.{unixSeconds}.{body}"), mac);
        return "v1," + Convert.ToBase64String(mac);
    }

    /// <summary>Never the secret.</summary>
    public override string ToString() => "[redacted]";
}
