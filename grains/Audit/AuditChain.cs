using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace JitGrains.Audit;

/// <summary>An entry as stored, which is all that verification goes by.</summary>
/// <param name="Source">The chain it is filed under.</param>
/// <param name="Sequence">The number it is filed under.</param>
/// <param name="Hash">The stored hash.</param>
/// <param name="Body">The stored body.</param>
public readonly record struct StoredEntry(string Source, long Sequence, string Hash, string Body);

/// <summary>Checks one chain, entry by entry in stored order. Not thread-safe; one instance for one pass.</summary>
public sealed class AuditChain(string source)
{
    private ChainHead head = ChainHead.Empty;

    /// <summary>Where the chain has got to.</summary>
    public ChainHead Head => head;

    /// <summary>The hash of the first entry, which the system chain names; null before it.</summary>
    public string? FirstHash { get; private set; }

    /// <summary>SHA-256 of a body, base64url.</summary>
    public static string HashOf(string body) => HashOf(Encoding.UTF8.GetBytes(body));

    /// <summary>SHA-256 of a body's UTF-8, base64url.</summary>
    public static string HashOf(ReadOnlySpan<byte> body)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(body, hash);
        return Base64Url.EncodeToString(hash);
    }

    /// <summary>Takes on the next entry; null where it follows, otherwise what is wrong with it.</summary>
    public string? Next(StoredEntry entry)
    {
        if (entry.Source != source)
            return $"entry {entry.Sequence} is filed under another chain";
        if (entry.Sequence != head.Sequence + 1)
        {
            return entry.Sequence <= head.Sequence
                ? $"entry {entry.Sequence} is there twice"
                : $"entry {head.Sequence + 1} is missing";
        }

        if (HashOf(entry.Body) != entry.Hash)
            return $"entry {entry.Sequence} does not have its hash: it was edited";
        if (!TryReadLinks(entry.Body, out var named, out var sequence, out var previous))
            return $"entry {entry.Sequence} is not an entry";
        if (named != source || sequence != entry.Sequence)
            return $"entry {entry.Sequence} was moved: it says {named} {sequence}";
        if (previous != head.Hash)
            return $"entry {entry.Sequence} does not follow entry {head.Sequence}: one of them was replaced";
        head = new ChainHead(entry.Sequence, entry.Hash);
        FirstHash ??= entry.Hash;
        return null;
    }

    private static bool TryReadLinks(string body, out string? source, out long sequence, out string? previous)
    {
        source = previous = null;
        sequence = 0;
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            source = root.GetProperty("source").GetString();
            sequence = root.GetProperty("seq").GetInt64();
            previous = root.GetProperty("prev").GetString();
            return true;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return false;
        }
    }
}
