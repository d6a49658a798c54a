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

/// <summary>
/// All that it depends on whether a token is good: the whole token, the API whose audiences count, the issuers' configuration, and the
/// keys that whoever presents it holds or says to hold. What was verified for one is never served for another.
/// </summary>
/// <param name="Token">The whole token's hash.</param>
/// <param name="Configuration">The issuers' configuration, by identity: another one is another object.</param>
/// <param name="Api">What an API with audiences of its own is told apart by, or null.</param>
/// <param name="Certificate">The connection's client certificate, or null.</param>
/// <param name="ProofKey">The key of the DPoP proof, or null.</param>
internal readonly record struct VerifiedTokenKey(TokenHash Token, object Configuration, string? Api, string? Certificate, string? ProofKey)
{
    public bool Equals(VerifiedTokenKey other) =>
        Token == other.Token && ReferenceEquals(Configuration, other.Configuration) && Api == other.Api && Certificate == other.Certificate && ProofKey == other.ProofKey;

    // A hash of SHA-256 is spread already; only what is not null costs anything.
    public override int GetHashCode() => (int)Token.A ^ (Api?.GetHashCode(StringComparison.Ordinal) ?? 0) ^ (Certificate?.GetHashCode(StringComparison.Ordinal) ?? 0) ^ (ProofKey?.GetHashCode(StringComparison.Ordinal) ?? 0);
}

/// <summary>A token verified before. Its times and keys are looked at on each hit, and proof of what it is bound to is asked for.</summary>
internal sealed record VerifiedToken(TokenResult.Valid Result, DateTimeOffset NotBefore, DateTimeOffset ExpiresAt, IssuerKeys Keys, int Generation, Confirmation? Bound = null);

/// <summary>
/// Tokens verified already, by all that this depended on. Bounded: two halves, of which the older is dropped when
/// the younger is full, or old enough, so that tokens in use stay and others go. Thread-safe.
/// </summary>
internal sealed class VerifiedTokenCache(int capacity)
{
    /// <summary>
    /// For so long a token that nobody presents stays, and is gone after twice as long. Callers that get one for each call would fill all of
    /// it else; and to verify one anew once in minutes costs nothing that shows.
    /// </summary>
    public static readonly TimeSpan Unused = TimeSpan.FromMinutes(1);

    private ConcurrentDictionary<VerifiedTokenKey, VerifiedToken> young = new();
    private ConcurrentDictionary<VerifiedTokenKey, VerifiedToken> old = new();
    private int youngCount;
    private int generation;
    private long turnedAt;

    /// <summary>Rises with each <see cref="Flush"/>; what was verified under an earlier one is not served.</summary>
    public int Generation => Volatile.Read(ref generation);

    public int Count => Volatile.Read(ref young).Count + Volatile.Read(ref old).Count;

    public VerifiedToken? Find(in VerifiedTokenKey key, DateTimeOffset now)
    {
        // A clock that was set back makes it a large number too: what is remembered is then looked at by the new time.
        var then = Volatile.Read(ref turnedAt);
        if ((ulong)(now.UtcTicks - then) >= (ulong)Unused.Ticks && Interlocked.CompareExchange(ref turnedAt, now.UtcTicks, then) == then)
            Turn();
        if (!Volatile.Read(ref young).TryGetValue(key, out var found))
        {
            if (!Volatile.Read(ref old).TryGetValue(key, out found))
                return null;
            Add(key, found);
        }

        return found.Generation == Generation ? found : null;
    }

    public void Add(in VerifiedTokenKey key, VerifiedToken token)
    {
        if (token.Generation != Generation)
            return;
        if (Volatile.Read(ref young).TryAdd(key, token) && Interlocked.Increment(ref youngCount) >= capacity / 2)
        {
            Turn();
        }
    }

    private void Turn()
    {
        Volatile.Write(ref old, Interlocked.Exchange(ref young, new()));
        Volatile.Write(ref youngCount, 0);
    }

    public void Flush()
    {
        Interlocked.Increment(ref generation);
        Volatile.Write(ref young, new());
        Volatile.Write(ref old, new());
        Volatile.Write(ref youngCount, 0);
    }
}
