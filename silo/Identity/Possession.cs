using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace JitGrains.Silo.Identity;

/// <summary>
/// Whether who presents a bound token holds what it is bound to: the connection's certificate (RFC 8705, section 3), or the key of a
/// DPoP proof (RFC 9449, section 4.3). Asked for each call, for tokens that were verified before too. Thread-safe.
/// </summary>
public sealed class Possession(int capacity = Possession.ProofsRemembered)
{
    /// <summary>How long a proof is good for, and how far its clock may be ahead.</summary>
    internal static readonly TimeSpan ProofAge = TimeSpan.FromSeconds(60);
    internal static readonly TimeSpan ProofAhead = TimeSpan.FromSeconds(30);

    /// <summary>Proofs that are remembered for as long as they could be used again.</summary>
    internal const int ProofsRemembered = 1_000_000;

    private readonly ReplayMemory replays = new(capacity, ProofAge + ProofAhead);

    /// <summary>Why the token does not count, or null.</summary>
    /// <param name="bound">What it is bound to, or null.</param>
    /// <param name="presented">What came with it.</param>
    /// <param name="isDpop">Whether its scheme was DPoP, and not Bearer.</param>
    /// <param name="token">The token.</param>
    /// <param name="now">The time of the call.</param>
    public TokenResult? Problem(Confirmation? bound, in Credentials presented, bool isDpop, ReadOnlySpan<char> token, DateTimeOffset now) =>
        TokenHash.TryOf(token, out var hash) ? Problem(bound, presented, isDpop, hash, now) : Refused(TokenCodes.Malformed, "No token has such characters.");

    /// <summary>
    /// The key that a request for a token proves to hold, though the token that it would exchange is bound to none (RFC 9449, section 5): the new
    /// one is bound to that. Null where there is no proof.
    /// </summary>
    /// <param name="presented">What came with the request.</param>
    /// <param name="token">The token that it would exchange.</param>
    /// <param name="now">The time of the request.</param>
    /// <param name="key">The key's thumbprint.</param>
    /// <returns>Why the proof is refused, or null.</returns>
    public TokenResult? ProblemOfKey(in Credentials presented, ReadOnlySpan<char> token, DateTimeOffset now, out string? key)
    {
        key = null;
        if (presented.Proof.Count == 0)
            return null;
        if (!TokenHash.TryOf(token, out var hash))
            return Refused(TokenCodes.Malformed, "No token has such characters.");
        var problem = OfProof(null, presented, hash, now, out var proof);
        key = problem is null ? proof!.Thumbprint : null;
        return problem;
    }

    /// <summary>Why the token does not count, or null.</summary>
    /// <param name="bound">What it is bound to, or null.</param>
    /// <param name="presented">What came with it.</param>
    /// <param name="isDpop">Whether its scheme was DPoP, and not Bearer.</param>
    /// <param name="token">The token's hash.</param>
    /// <param name="now">The time of the call.</param>
    /// <param name="read">The proof, where <see cref="ProofOf"/> read it already.</param>
    internal TokenResult? Problem(Confirmation? bound, in Credentials presented, bool isDpop, in TokenHash token, DateTimeOffset now, DpopProof? read = null)
    {
        if (bound?.Certificate is { } thumbprint)
        {
            if (presented.Certificate is not { } certificate)
                return Refused(PossessionCodes.CertificateMissing, "The token is bound to a client certificate, and the connection has none.");
            if (!Equal(certificate.Thumbprint, thumbprint))
                return Refused(PossessionCodes.CertificateMismatch, "The token is bound to another client certificate.");
        }

        if (bound?.Key is { } key)
            return isDpop || presented.IsTokenRequest ? OfProof(key, presented, token, now, out _, read) : Refused(PossessionCodes.ProofMissing, "The token is bound to a key: it needs the scheme DPoP and a proof.");
        // Otherwise whoever stole a token could leave out what it is bound to.
        return isDpop ? Refused(PossessionCodes.ProofUnbound, "The token is not bound to a key, so its scheme is Bearer.") : null;
    }

    /// <summary>The one proof that was presented; null where there is none, or not one that is well-formed.</summary>
    internal static DpopProof? ProofOf(in Credentials presented) => presented.Proof.Count == 1 ? DpopProof.TryRead(presented.Proof[0] ?? "") : null;

    private TokenResult? OfProof(string? key, in Credentials presented, in TokenHash token, DateTimeOffset now, out DpopProof? proof, DpopProof? read = null)
    {
        proof = null;
        if (presented.Proof.Count == 0)
            return Refused(PossessionCodes.ProofMissing, "The token is bound to a key, and there is no DPoP header.");
        proof = read ?? ProofOf(presented);
        if (proof is null || (proof.TokenHash is null && !presented.IsTokenRequest))
            return Refused(PossessionCodes.ProofInvalid, "The DPoP header is not one well-formed proof.");
        if (key is not null && !Equal(proof.Thumbprint, key))
            return Refused(PossessionCodes.ProofKey, "The proof is by another key than the token is bound to.");
        if (proof.Method != presented.Method || !IsSame(proof.Url, presented.Url()) || (proof.TokenHash is { } named && !Equal(named, Base64Url.EncodeToString(MemoryMarshal.AsBytes(MemoryMarshal.CreateReadOnlySpan(in token, 1))))))
            return Refused(PossessionCodes.ProofTarget, "The proof is for another method, address or token.");
        if (now > proof.IssuedAt + ProofAge || now + ProofAhead < proof.IssuedAt)
            return Refused(PossessionCodes.ProofTime, "The proof is too old, or from the future.");
        if (!proof.IsSigned())
            return Refused(PossessionCodes.ProofInvalid, "The proof's signature is not valid.");
        // Last, so that only who holds the key takes room.
        return replays.Look(HashOf(proof.Thumbprint, proof.Id), now) switch
        {
            ReplayMemory.Seen.Never => null,
            ReplayMemory.Seen.Before => Refused(PossessionCodes.ProofReplayed, "The proof was used before."),
            _ => new TokenResult.Unavailable("There are more DPoP proofs than can be remembered."),
        };
    }

    /// <summary>Whether two addresses are the same but for query and fragment, the case of scheme and host, and a port that goes without saying.</summary>
    internal static bool IsSame(string one, string other) =>
        Split(one) is { } a && Split(other) is { } b && a.Origin.Equals(b.Origin, StringComparison.OrdinalIgnoreCase) && a.Path == b.Path;

    private static (string Origin, string Path)? Split(string url)
    {
        var start = url.IndexOf("://", StringComparison.Ordinal);
        if (start <= 0)
            return null;
        var end = url.AsSpan(start + 3).IndexOfAny('/', '?', '#');
        var origin = end < 0 ? url : url[..(start + 3 + end)];
        var rest = end < 0 ? "" : url[(start + 3 + end)..];
        var stop = rest.AsSpan().IndexOfAny('?', '#');
        var path = stop < 0 ? rest : rest[..stop];
        var isDefault = (origin.EndsWith(":443", StringComparison.Ordinal) && origin.StartsWith("https:", StringComparison.OrdinalIgnoreCase))
            || (origin.EndsWith(":80", StringComparison.Ordinal) && origin.StartsWith("http:", StringComparison.OrdinalIgnoreCase));
        return (isDefault ? origin[..origin.LastIndexOf(':')] : origin, path.Length == 0 ? "/" : path);
    }

    private static UInt128 HashOf(string key, string id)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{key}|{id}"), hash);
        return MemoryMarshal.Read<UInt128>(hash);
    }

    private static bool Equal(string one, string other) => CryptographicOperations.FixedTimeEquals(MemoryMarshal.AsBytes(one.AsSpan()), MemoryMarshal.AsBytes(other.AsSpan()));

    private static TokenResult.Invalid Refused(string code, string detail) => new(code, detail);
}
