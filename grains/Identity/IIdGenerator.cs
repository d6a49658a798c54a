using System.Security.Cryptography;

namespace JitGrains.Identity;

/// <summary>
/// Makes the ids of everything. Injected, so that a simulation can repeat itself. An id is a prefix and 26 lower-case
/// characters of Crockford's base 32: 128 bits. Thread-safe.
/// </summary>
public interface IIdGenerator
{
    /// <summary>128 bits that nobody can guess, as 26 characters.</summary>
    string NewSuffix();

    /// <summary>For an approval request: <c>rq_...</c></summary>
    string NewRequestId() => "rq_" + NewSuffix();

    /// <summary>For one attempt to execute: <c>ex_...</c></summary>
    string NewExecutionId() => "ex_" + NewSuffix();

    /// <summary>For one run of a gateway: <c>gw_...</c></summary>
    string NewIncarnationId() => "gw_" + NewSuffix();

    /// <summary>For a command that is idempotent by its id: <c>cm_...</c></summary>
    string NewCommandId() => "cm_" + NewSuffix();
}

/// <summary>Ids from the system's random numbers. Thread-safe.</summary>
public sealed class RandomIdGenerator : IIdGenerator
{
    /// <inheritdoc/>
    public string NewSuffix()
    {
        Span<byte> bytes = stackalloc byte[IdFormat.Bytes];
        RandomNumberGenerator.Fill(bytes);
        return IdFormat.Encode(bytes);
    }
}

/// <summary>How ids are written. Stateless and thread-safe.</summary>
public static class IdFormat
{
    /// <summary>Random bytes in an id.</summary>
    public const int Bytes = 16;

    /// <summary>Characters after the prefix.</summary>
    public const int SuffixLength = 26;

    private const string Alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

    private static readonly System.Buffers.SearchValues<char> Known = System.Buffers.SearchValues.Create(Alphabet);

    /// <summary>16 bytes as 26 characters, most significant first, padded in front with two zero bits.</summary>
    public static string Encode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != Bytes)
            throw new ArgumentException($"an id has {Bytes} bytes", nameof(bytes));
        var number = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
        Span<char> text = stackalloc char[SuffixLength];
        for (var i = SuffixLength - 1; i >= 0; i--)
        {
            text[i] = Alphabet[(int)(number & 31)];
            number >>= 5;
        }

        return new string(text);
    }

    /// <summary>Whether a text is an id with this prefix (<c>rq_</c>), so that nothing else is looked up.</summary>
    public static bool IsId(string? text, string prefix) =>
        text is not null
        && text.Length == prefix.Length + SuffixLength
        && text.StartsWith(prefix, StringComparison.Ordinal)
        && !text.AsSpan(prefix.Length).ContainsAnyExcept(Known)
        && text[prefix.Length] <= '7';
}
