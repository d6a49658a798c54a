using System.Security.Cryptography;
using System.Text;
using JitGrains.Secrets;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// Marks what silos and gateways tell each other by the bus, which anybody with a login to the database can send to: only
/// who has the cluster's keys can have executions ended, or acknowledge that they were. Thread-safe.
/// </summary>
/// <param name="shared">A key that silos and gateways have; the marks' own is derived from it.</param>
public sealed class MailSeal(SecretKey shared)
{
    private const int Length = 22;
    private const int Bytes = 16;

    private readonly SecretKey key = new(HKDF.DeriveKey(HashAlgorithmName.SHA256, shared.Span.ToArray(), 32, info: "jitgrains/1/bus"u8.ToArray()));

    /// <summary>The text with its mark, for this topic and key only.</summary>
    public string Seal(string topic, string about, string text) => Mark(topic, about, text) + text;

    /// <summary>The text that was sealed, or null where nobody who may has done so.</summary>
    public string? Open(string topic, string about, string? sealedText)
    {
        if (sealedText is null || sealedText.Length < Length)
            return null;
        var text = sealedText[Length..];
        return CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Mark(topic, about, text)), Encoding.UTF8.GetBytes(sealedText[..Length])) ? text : null;
    }

    private string Mark(string topic, string about, string text)
    {
        // None of the first two holds a line's end.
        var mac = HMACSHA256.HashData(key.Span, Encoding.UTF8.GetBytes($"{topic}\n{about}\n{text}"));
        return Convert.ToBase64String(mac, 0, Bytes)[..Length];
    }
}
