using System.Collections.Immutable;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace JitGrains.Silo.Identity;

/// <summary>A key, or why there is none.</summary>
/// <param name="Key">The key, where found.</param>
/// <param name="IssuerAnswers">Where not found: whether the issuer was asked, and has no such key.</param>
internal readonly record struct KeyLookup(JsonWebKey? Key, bool IssuerAnswers);

/// <summary>
/// An issuer's signing keys by OpenID Connect discovery. Fetched when first needed, again every five minutes in the
/// background and at once (but not more often than every ten seconds) when a token names an unknown key. Where the issuer
/// does not answer, keys that are known serve on for as long as its options say. Thread-safe.
/// </summary>
internal sealed partial class IssuerKeys(IssuerOptions given, ClaimMapping mapping, IIssuerDocuments documents, TimeProvider time, ILogger logger, Action changed) : IDisposable
{
    internal static readonly TimeSpan RefreshAfter = TimeSpan.FromMinutes(5);
    internal static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(10);

    /// <summary>How long a call waits for keys: what a hanging issuer holds up is bounded.</summary>
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private const int MinRsaBits = 2048;

    private readonly IssuerOptions issuer = mapping.Issuer;
    private readonly Lock gate = new();
    private Snapshot? current;
    private Task? running;
    private long? lastAttempt;
    private bool lastAttemptFailed;

    private sealed record Snapshot(ImmutableArray<JsonWebKey> Keys, string Fingerprint, long FetchedAt);

    /// <summary>The options as they were given.</summary>
    public IssuerOptions Given => given;

    /// <summary>The options, its preset's among them.</summary>
    public IssuerOptions Options => issuer;

    /// <summary>How the issuer's claims say who calls.</summary>
    public ClaimMapping Mapping => mapping;

    /// <summary>Whether the known keys may be used; asks for newer ones in the background when it is time.</summary>
    public bool AreUsable()
    {
        var snapshot = Volatile.Read(ref current);
        if (snapshot is null)
            return false;
        var age = time.GetElapsedTime(snapshot.FetchedAt);
        if (age > RefreshAfter)
            _ = RefreshUnlessAskedLately();
        return age < issuer.KeysServe;
    }

    /// <summary>The key for a token's <c>kid</c> and algorithm.</summary>
    public async ValueTask<KeyLookup> FindAsync(string? keyId, string algorithm, CancellationToken cancellation)
    {
        if (AreUsable() && Pick(keyId, algorithm) is { } known)
            return new KeyLookup(known, true);
        try
        {
            await RefreshUnlessAskedLately().WaitAsync(Patience, time, cancellation);
        }
        catch (TimeoutException)
        {
            return new KeyLookup(null, false);
        }

        if (!AreUsable())
            return new KeyLookup(null, false);
        var key = Pick(keyId, algorithm);
        lock (gate)
            return new KeyLookup(key, key is not null || !lastAttemptFailed);
    }

    /// <inheritdoc/>
    public void Dispose() => documents.Dispose();

    private JsonWebKey? Pick(string? keyId, string algorithm)
    {
        var keys = Volatile.Read(ref current)?.Keys ?? [];
        // A token without kid is accepted from an issuer with one key only: nothing is ever tried out.
        var key = keyId is null ? (keys.Length == 1 ? keys[0] : null) : keys.FirstOrDefault(k => k.KeyId == keyId);
        return key is not null && Fits(key, algorithm) ? key : null;
    }

    private static bool Fits(JsonWebKey key, string algorithm) =>
        (string.IsNullOrEmpty(key.Alg) || key.Alg == algorithm)
        && (algorithm[0] == 'E'
            ? key.Kty == JsonWebAlgorithmsKeyTypes.EllipticCurve && key.Crv == CurveOf(algorithm)
            : key.Kty == JsonWebAlgorithmsKeyTypes.RSA);

    private static string CurveOf(string algorithm) => algorithm switch
    {
        "ES256" => "P-256",
        "ES384" => "P-384",
        _ => "P-521",
    };

    private Task RefreshUnlessAskedLately()
    {
        lock (gate)
        {
            if (running is { IsCompleted: false })
                return running;
            if (lastAttempt is { } at && time.GetElapsedTime(at) < AskAgainAfter)
                return Task.CompletedTask;
            lastAttempt = time.GetTimestamp();
            return running = RefreshAsync();
        }
    }

    private async Task RefreshAsync()
    {
        // Off the caller's lock before anything else happens.
        await Task.Yield();
        try
        {
            var keys = await FetchAsync();
            var fingerprint = Fingerprint(keys);
            var before = Interlocked.Exchange(ref current, new Snapshot(keys, fingerprint, time.GetTimestamp()));
            bool recovered;
            lock (gate)
                (recovered, lastAttemptFailed) = (lastAttemptFailed, false);
            if (recovered)
                LogAnswersAgain(logger, issuer.Realm, issuer.Issuer);
            if (before is null || before.Fingerprint != fingerprint)
            {
                LogKeysChanged(logger, issuer.Realm, keys.Length);
                changed();
            }
        }
        catch (Exception e)
        {
            lock (gate)
                lastAttemptFailed = true;
            LogFetchFailed(logger, issuer.Realm, issuer.Issuer, e.Message);
        }
    }

    private async Task<ImmutableArray<JsonWebKey>> FetchAsync()
    {
        var discovery = new OpenIdConnectConfiguration(await documents.ReadAsync(issuer.Discovery ?? issuer.Issuer.TrimEnd('/') + "/.well-known/openid-configuration"));
        if (discovery.Issuer != issuer.Issuer)
            throw new InvalidOperationException("its discovery document is another issuer's");
        if (!IssuerOptions.IsAcceptableAddress(WithoutQuery(discovery.JwksUri)))
            throw new InvalidOperationException("its jwks_uri is not an https address");
        var keys = new JsonWebKeySet(await documents.ReadAsync(discovery.JwksUri)).Keys.Where(IsUsable).ToImmutableArray();
        return keys.Length > 0 ? keys : throw new InvalidOperationException("it publishes no key that can be used");
    }

    private static string? WithoutQuery(string? address) => address?.Split('?', 2)[0];

    private static bool IsUsable(JsonWebKey key) =>
        (string.IsNullOrEmpty(key.Use) || key.Use == "sig")
        && key.Kty switch
        {
            JsonWebAlgorithmsKeyTypes.EllipticCurve => true,
            JsonWebAlgorithmsKeyTypes.RSA => key.KeySize >= MinRsaBits,
            _ => false,
        };

    private static string Fingerprint(ImmutableArray<JsonWebKey> keys) =>
        Convert.ToHexString(SHA256.HashData(keys.SelectMany(k => k.ComputeJwkThumbprint().Concat(System.Text.Encoding.UTF8.GetBytes($"|{k.KeyId}|"))).ToArray()));
}
