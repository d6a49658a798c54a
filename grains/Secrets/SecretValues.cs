using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace JitGrains.Secrets;

/// <summary>Key bytes that no log, error or debugger shows. Immutable and thread-safe.</summary>
[DebuggerDisplay("[redacted]")]
public readonly struct SecretKey : IEquatable<SecretKey>
{
    private readonly byte[]? bytes;

    /// <summary>Takes a copy of the bytes.</summary>
    public SecretKey(ReadOnlySpan<byte> key) => bytes = key.ToArray();

    /// <summary>The bytes. Whoever uses them must not keep them elsewhere.</summary>
    public ReadOnlySpan<byte> Span => bytes;

    /// <inheritdoc/>
    public bool Equals(SecretKey other) => CryptographicOperations.FixedTimeEquals(Span, other.Span);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SecretKey other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => 0;

    /// <summary>Never the key.</summary>
    public override string ToString() => "[redacted]";

    /// <summary>Compares in constant time.</summary>
    public static bool operator ==(SecretKey left, SecretKey right) => left.Equals(right);

    /// <summary>Compares in constant time.</summary>
    public static bool operator !=(SecretKey left, SecretKey right) => !left.Equals(right);
}

/// <summary>A secret text (a client secret, a webhook secret) that no log, error or debugger shows. Immutable and thread-safe.</summary>
[DebuggerDisplay("[redacted]")]
public readonly struct SecretText : IEquatable<SecretText>
{
    private readonly string? text;

    /// <summary>Wraps a text.</summary>
    public SecretText(string secret) => text = secret;

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => string.IsNullOrEmpty(text);

    /// <summary>The text itself; named so that each use stands out.</summary>
    public string Reveal() => text ?? "";

    /// <summary>Whether a candidate is this secret, in a time that tells nothing of it.</summary>
    public bool Matches(string candidate)
    {
        // Hashed first, so that not even the length shows.
        Span<byte> mine = stackalloc byte[SHA256.HashSizeInBytes];
        Span<byte> theirs = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(Reveal()), mine);
        SHA256.HashData(Encoding.UTF8.GetBytes(candidate), theirs);
        return !IsEmpty && CryptographicOperations.FixedTimeEquals(mine, theirs);
    }

    /// <inheritdoc/>
    public bool Equals(SecretText other) => IsEmpty ? other.IsEmpty : Matches(other.Reveal());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is SecretText other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => 0;

    /// <summary>Never the secret.</summary>
    public override string ToString() => "[redacted]";

    /// <summary>Compares in constant time.</summary>
    public static bool operator ==(SecretText left, SecretText right) => left.Equals(right);

    /// <summary>Compares in constant time.</summary>
    public static bool operator !=(SecretText left, SecretText right) => !left.Equals(right);
}
