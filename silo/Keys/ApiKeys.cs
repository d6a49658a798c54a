using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using JitGrains.Gateways;
using JitGrains.Identity;
using JitGrains.Keys;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Revocation;

namespace JitGrains.Silo.Keys;

/// <summary>
/// Tells who calls by an API key. A key that was seen is answered from memory; that a revoked one starts nothing is for the restrictions,
/// by which its principal is blocked everywhere before a revocation returns. Thread-safe.
/// </summary>
internal sealed class ApiKeys(IGrainFactory grains, TimeProvider time) : IInvalidationTarget, IDisposable
{
    /// <summary>Keys and names kept in memory.</summary>
    private const int Capacity = 4_096;

    /// <summary>Look-ups of unknown names at once: whoever makes names up must not keep the store busy.</summary>
    private const int LookUps = 4;

    private static readonly TimeSpan UnknownFor = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookUpTimeout = TimeSpan.FromSeconds(2);
    private static readonly TokenResult.Invalid Wrong = new(ApiKeyCodes.Unknown, "There is no such API key.");

    private readonly ConcurrentDictionary<TokenHash, Known> byHash = new();
    private readonly ConcurrentDictionary<string, Looked> byName = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Use> uses = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim lookUps = new(LookUps);

    /// <summary>A key that is good, and where its last use is noted.</summary>
    private sealed record Known(TokenResult.Valid Result, Use Use);

    /// <summary>What the store said of a name.</summary>
    private sealed record Looked(ApiKey? Key, DateTimeOffset At);

    private sealed class Use
    {
        private long last;
        private long told;

        public void At(DateTimeOffset now) => Volatile.Write(ref last, now.UtcTicks);

        /// <summary>The last use, once.</summary>
        public DateTimeOffset? Take()
        {
            var at = Volatile.Read(ref last);
            return Interlocked.Exchange(ref told, at) == at ? null : new DateTimeOffset(at, TimeSpan.Zero);
        }
    }

    /// <summary>Who calls with this key.</summary>
    /// <param name="text">The key.</param>
    /// <param name="hash">Its hash.</param>
    /// <param name="now">The time of the call.</param>
    /// <param name="cancellation">Ends waiting for the store.</param>
    public ValueTask<TokenResult> ValidateAsync(ReadOnlySpan<char> text, in TokenHash hash, DateTimeOffset now, CancellationToken cancellation)
    {
        if (byHash.TryGetValue(hash, out var known) && now < known.Result.Caller.TokenExpiresAt)
        {
            known.Use.At(now);
            return ValueTask.FromResult<TokenResult>(known.Result);
        }

        return ApiKeyText.NameOf(text) is { } name ? LookAsync(name, hash, now, cancellation) : ValueTask.FromResult<TokenResult>(Wrong);
    }

    /// <summary>Last uses that nobody was told of yet.</summary>
    public ImmutableArray<KeyUse> TakeUses() =>
        [.. uses.Select(u => (u.Key, At: u.Value.Take())).Where(u => u.At is not null).Select(u => new KeyUse(u.Key, u.At!.Value))];

    /// <summary>Forgets what was looked up.</summary>
    public void Forget()
    {
        byName.Clear();
        byHash.Clear();
    }

    /// <inheritdoc/>
    public ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
    {
        // A revoked key is refused for what it is from now on, and a new one found though its name was unknown.
        if (what is Invalidation.Restrictions or Invalidation.Everything)
            Forget();
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public void Dispose() => lookUps.Dispose();

    private async ValueTask<TokenResult> LookAsync(string name, TokenHash hash, DateTimeOffset now, CancellationToken cancellation)
    {
        if (!byName.TryGetValue(name, out var looked) || (looked.Key is null && now - looked.At >= UnknownFor))
        {
            await lookUps.WaitAsync(cancellation);
            try
            {
                var reply = await grains.GetGrain<IApiKeysGrain>(IApiKeysGrain.Key).Find(name).WaitAsync(LookUpTimeout, time, cancellation);
                looked = new Looked(reply.Value, now);
            }
            finally
            {
                lookUps.Release();
            }

            // Any will do: what is needed again is looked up again.
            if (byName.Count >= Capacity)
                Forget();
            byName[name] = looked;
        }

        if (looked.Key is not { } key || !IsOf(hash, key.Hash))
            return Wrong;
        if (key.RevokedAt is not null)
            return new TokenResult.Invalid(ApiKeyCodes.Revoked, "The API key was revoked.");
        if (now >= key.ExpiresAt)
            return new TokenResult.Invalid(ApiKeyCodes.Expired, "The API key has expired.");
        var use = uses.GetOrAdd(name, static _ => new Use());
        var known = new Known(new TokenResult.Valid(CallerOf(key)), use);
        byHash[hash] = known;
        use.At(now);
        return known.Result;
    }

    private static Caller CallerOf(ApiKey key) => new()
    {
        Principal = key.Principal,
        Excluded = [key.Owner],
        Groups = [.. key.Groups.Select(g => $"{ApiKey.Realm}:{g}")],
        Claims = ImmutableDictionary<string, JsonElement>.Empty.Add("api_key", JsonSerializer.SerializeToElement(key.Name)),
        Device = CallerDevice.None,
        Scope = new KeyScope(key.Scope.Apis, key.Scope.Actions),
        TokenIssuedAt = key.CreatedAt,
        TokenExpiresAt = key.ExpiresAt,
    };

    private static bool IsOf(in TokenHash hash, string kept)
    {
        Span<byte> bytes = stackalloc byte[32];
        return Base64Url.TryDecodeFromChars(kept, bytes, out var length) && length == bytes.Length
            && CryptographicOperations.FixedTimeEquals(bytes, MemoryMarshal.AsBytes(MemoryMarshal.CreateReadOnlySpan(in hash, 1)));
    }
}

/// <summary>Why API keys are refused. Stable words, beside those of <see cref="TokenCodes"/>.</summary>
public static class ApiKeyCodes
{
    /// <summary>There is no such key, or its secret is another.</summary>
    public const string Unknown = "api-key-unknown";

    /// <summary>It was revoked.</summary>
    public const string Revoked = "api-key-revoked";

    /// <summary>Its time is over.</summary>
    public const string Expired = "api-key-expired";
}
