using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace JitGrains.Silo.Identity;

/// <summary>SHA-256 of a whole token, as a key.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TokenHash(ulong A, ulong B, ulong C, ulong D)
{
    /// <summary>Hashes the token's characters; false where one is not ASCII, which no JWT has.</summary>
    public static bool TryOf(ReadOnlySpan<char> token, out TokenHash hash)
    {
        hash = default;
        var rented = token.Length > 2048 ? ArrayPool<byte>.Shared.Rent(token.Length) : null;
        var bytes = rented ?? stackalloc byte[2048];
        var status = System.Text.Ascii.FromUtf16(token, bytes, out var written);
        if (status == OperationStatus.Done)
            SHA256.HashData(bytes[..written], MemoryMarshal.AsBytes(MemoryMarshal.CreateSpan(ref hash, 1)));
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented, clearArray: true);
        return status == OperationStatus.Done;
    }
}

/// <summary>A token verified before. Its times and keys are looked at on each hit, and proof of what it is bound to is asked for.</summary>
internal sealed record VerifiedToken(TokenResult.Valid Result, DateTimeOffset NotBefore, DateTimeOffset ExpiresAt, IssuerKeys Keys, int Generation, Confirmation? Bound = null);

/// <summary>
/// Tokens verified already, keyed by the hash of the whole token. Bounded: two halves, of which the older is dropped when
/// the younger is full, so that tokens in use stay. Thread-safe.
/// </summary>
internal sealed class VerifiedTokenCache(int capacity)
{
    private ConcurrentDictionary<TokenHash, VerifiedToken> young = new();
    private ConcurrentDictionary<TokenHash, VerifiedToken> old = new();
    private int youngCount;
    private int generation;

    /// <summary>Rises with each <see cref="Flush"/>; what was verified under an earlier one is not served.</summary>
    public int Generation => Volatile.Read(ref generation);

    public int Count => Volatile.Read(ref young).Count + Volatile.Read(ref old).Count;

    public VerifiedToken? Find(in TokenHash hash)
    {
        if (!Volatile.Read(ref young).TryGetValue(hash, out var found))
        {
            if (!Volatile.Read(ref old).TryGetValue(hash, out found))
                return null;
            Add(hash, found);
        }

        return found.Generation == Generation ? found : null;
    }

    public void Add(in TokenHash hash, VerifiedToken token)
    {
        if (token.Generation != Generation)
            return;
        if (Volatile.Read(ref young).TryAdd(hash, token) && Interlocked.Increment(ref youngCount) >= capacity / 2)
        {
            Volatile.Write(ref old, Interlocked.Exchange(ref young, new()));
            Volatile.Write(ref youngCount, 0);
        }
    }

    public void Flush()
    {
        Interlocked.Increment(ref generation);
        Volatile.Write(ref young, new());
        Volatile.Write(ref old, new());
        Volatile.Write(ref youngCount, 0);
    }
}
