using System.Buffers;
using System.Collections.Frozen;
using JitGrains.Silo.Keys;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace JitGrains.Silo.Identity;

/// <summary>Tells who calls, by the bearer token (RFC 6750, RFC 7519, RFC 8725). Thread-safe.</summary>
public interface ITokenValidator
{
    /// <summary>Checks what a call presents. A token seen before is answered from memory.</summary>
    /// <param name="presented">All that it presents.</param>
    /// <param name="now">The time of the call.</param>
    /// <param name="cancellation">Ends waiting for an issuer's keys.</param>
    ValueTask<TokenResult> ValidateAsync(in Credentials presented, DateTimeOffset now, CancellationToken cancellation);

    /// <summary>Why nobody may call over a connection with this client certificate, whatever else is presented; null where that is no reason.</summary>
    /// <param name="certificate">The connection's client certificate.</param>
    /// <param name="now">The time of the call.</param>
    TokenResult? ProblemOf(PresentedCertificate certificate, DateTimeOffset now);
}

/// <summary>The validator: issuers are pinned by exact name, each with its own keys and algorithms. Thread-safe.</summary>
public sealed partial class TokenValidator : ITokenValidator, IDisposable
{
    /// <summary>Longest accepted token, in characters.</summary>
    public const int MaxTokenLength = 16 * 1024;

    /// <summary>The refusal of a token that is good, and for other APIs only.</summary>
    public static readonly TokenResult.Invalid ForAnotherApi = new(TokenCodes.Audience, "The token is not for this API.");

    private const int CacheCapacity = 20_000;
    private static readonly TokenResult.Invalid Malformed = new(TokenCodes.Malformed, "The token is not a signed JWT.");
    private static readonly SearchValues<char> TokenCharacters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");
    private static readonly string[] DefaultTypes = ["JWT", "at+jwt"];

    private readonly VerifiedTokenCache cache = new(CacheCapacity);
    private readonly JsonWebTokenHandler handler = new() { MaximumTokenSizeInBytes = MaxTokenLength, MapInboundClaims = false };

    private readonly Lock gate = new();
    private readonly Possession possession = new();
    private readonly CertificateCallers? certificates;
    private readonly Func<IssuerOptions, IIssuerDocuments> documents;
    private readonly TimeProvider time;
    private readonly ILogger<TokenValidator> logger;
    private FrozenDictionary<string, IssuerKeys> issuers;

    /// <summary>Creates the validator.</summary>
    /// <exception cref="StartupException">An issuer is misconfigured; every problem is listed.</exception>
    public TokenValidator(IReadOnlyCollection<IssuerOptions> issuers, TimeProvider time, ILogger<TokenValidator> logger, CertificateCallers? certificates = null)
        : this(issuers, static o => new IssuerHttp(o), time, logger, certificates)
    {
    }

    /// <summary>The same with another way to issuers' documents than over the network.</summary>
    internal TokenValidator(
        IReadOnlyCollection<IssuerOptions> issuers, Func<IssuerOptions, IIssuerDocuments> documents, TimeProvider time, ILogger<TokenValidator> logger, CertificateCallers? certificates)
    {
        this.certificates = certificates;
        this.documents = documents;
        this.time = time;
        this.logger = logger;
        this.issuers = Configure(issuers, []);
    }

    /// <summary>API keys, which come as bearer tokens too; null where there are none.</summary>
    internal ApiKeys? Keys { get; init; }

    internal int CachedTokens => cache.Count;

    /// <summary>
    /// Accepts one more issuer from now on (the quickstart's own, whose address is known only once it listens), or the same one by
    /// other options. What was verified by the configuration before is not served any more.
    /// </summary>
    /// <exception cref="StartupException">It is misconfigured, or its realm or name is another's.</exception>
    public void Trust(IssuerOptions issuer)
    {
        lock (gate)
        {
            var before = issuers.Values;
            Volatile.Write(ref issuers, Configure([.. before.Select(k => k.Given).Where(o => o.Realm != issuer.Realm || o.Issuer != issuer.Issuer), issuer], before));
            foreach (var replaced in before.Except(issuers.Values))
                replaced.Dispose();
        }
    }

    /// <inheritdoc/>
    public ValueTask<TokenResult> ValidateAsync(in Credentials presented, DateTimeOffset now, CancellationToken cancellation)
    {
        var authorization = presented.Authorization;
        if (presented.Certificate is { } certificate && OfCertificate(certificate, authorization.Count == 0, now) is { } answer)
            return ValueTask.FromResult(answer);
        if (authorization.Count == 0)
            return Refused(TokenCodes.Missing, "An Authorization header with a bearer token is needed.");
        if (authorization.Count > 1)
            return Refused(TokenCodes.Several, "There is more than one Authorization header.");
        var header = authorization[0] ?? "";
        var isDpop = header.StartsWith("DPoP ", StringComparison.OrdinalIgnoreCase);
        if (!isDpop && !header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            return Refused(TokenCodes.Scheme, "The Authorization scheme is neither Bearer nor DPoP.");
        var token = header.AsSpan(isDpop ? "DPoP ".Length : "Bearer ".Length).Trim(' ');
        if (token.Length > MaxTokenLength)
            return Refused(TokenCodes.TooLarge, $"The token has more than {MaxTokenLength} characters.");
        if (token.IsEmpty || !TokenHash.TryOf(token, out var hash))
            return ValueTask.FromResult<TokenResult>(Malformed);

        if (Keys is not null && !isDpop && ApiKeyText.IsKey(token))
            return Keys.ValidateAsync(token, hash, now, cancellation);
        var proof = isDpop || presented.IsTokenRequest ? Possession.ProofOf(presented) : null;
        var key = new VerifiedTokenKey(hash, Volatile.Read(ref issuers), presented.Api?.AudienceKey, presented.Certificate?.Thumbprint, proof?.Thumbprint);
        if (cache.Find(key, now) is { } known && now >= known.NotBefore && now < known.ExpiresAt && known.Keys.AreUsable())
            return ValueTask.FromResult(possession.Problem(known.Bound, presented, isDpop, hash, now, proof) ?? known.Result);
        return VerifyAsync(token.ToString(), key, presented, isDpop, proof, now, cancellation);
    }

    /// <inheritdoc/>
    public TokenResult? ProblemOf(PresentedCertificate certificate, DateTimeOffset now) => OfCertificate(certificate, alone: false, now);

    /// <summary>What the certificate alone answers: a caller where there is no token, a refusal where it must not be used; null where the token says who calls.</summary>
    private TokenResult? OfCertificate(PresentedCertificate certificate, bool alone, DateTimeOffset now) => certificates?.Look(certificate, now) switch
    {
        CertificateStanding.Refused refused => refused.Why,
        CertificateStanding.Known known when alone => known.Result,
        CertificateStanding.OfDevice when alone => new TokenResult.Invalid(PossessionCodes.CertificateName, "The client certificate shows a device, and there is no token that says who calls."),
        CertificateStanding.Foreign when alone => new TokenResult.Invalid(PossessionCodes.CertificateUntrusted, "None of the accepted authorities issued the client certificate, and there is no token."),
        _ => null,
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var keys in Volatile.Read(ref issuers).Values)
            keys.Dispose();
    }

    private static ValueTask<TokenResult> Refused(string code, string detail) => ValueTask.FromResult<TokenResult>(new TokenResult.Invalid(code, detail));

    /// <summary>The issuers by their names. Those that are configured as before keep their keys.</summary>
    private FrozenDictionary<string, IssuerKeys> Configure(IReadOnlyCollection<IssuerOptions> all, IEnumerable<IssuerKeys> before)
    {
        StartupException.ThrowIfAny(IssuerOptions.ProblemsOf(all));
        var kept = before.ToList();
        return all.Select(o => kept.Find(k => ReferenceEquals(k.Given, o)) ?? KeysOf(o)).ToFrozenDictionary(k => k.Options.Issuer, StringComparer.Ordinal);
    }

    private IssuerKeys KeysOf(IssuerOptions options)
    {
        var mapping = new ClaimMapping(IssuerPresets.Apply(options));
        return new(options, mapping, documents(mapping.Issuer), time, logger, cache.Flush);
    }

    private async ValueTask<TokenResult> VerifyAsync(string token, VerifiedTokenKey key, Credentials presented, bool isDpop, DpopProof? proof, DateTimeOffset now, CancellationToken cancellation)
    {
        // Decoders pass over white space, and one token would have many texts.
        if (token.AsSpan().ContainsAnyExcept(TokenCharacters))
            return Malformed;
        // Nothing of the header but alg, kid and typ is looked at: jwk, jku, x5c and x5u are what a forger would like us to believe.
        if (TryParse(token) is not { } jwt || TokenClaims.TryRead(jwt.EncodedHeader) is not { } header || header.ContainsKey("crit"))
            return Malformed;
        if (TokenClaims.TryRead(jwt.EncodedPayload) is not { } claims
            || !claims.TryGetValue("iss", out var iss) || iss.ValueKind != System.Text.Json.JsonValueKind.String)
        {
            return Malformed;
        }

        if (!((FrozenDictionary<string, IssuerKeys>)key.Configuration).TryGetValue(iss.GetString()!, out var keys))
            return new TokenResult.Invalid(TokenCodes.Issuer, "The token's issuer is not accepted here.");
        if (jwt.Typ is { Length: > 0 } typ && !IsAccepted(typ, keys.Options))
            return new TokenResult.Invalid(TokenCodes.Type, "The token is of another type than is accepted from this issuer.");
        if (!keys.Options.AcceptedAlgorithms.Contains(jwt.Alg, StringComparer.Ordinal))
            return new TokenResult.Invalid(TokenCodes.Algorithm, "The token's signature algorithm is not accepted from this issuer.");

        // Read before the key is looked up: what is verified with a key that goes meanwhile is not kept.
        var generation = cache.Generation;
        var lookup = await keys.FindAsync(string.IsNullOrEmpty(jwt.Kid) ? null : jwt.Kid, jwt.Alg, cancellation);
        if (lookup.Key is null)
        {
            return lookup.IssuerAnswers
                ? new TokenResult.Invalid(TokenCodes.Key, "The token is signed with a key that its issuer does not publish.")
                : new TokenResult.Unavailable("The keys of the token's issuer cannot be fetched.");
        }

        if (await ProblemOfAsync(jwt, keys.Options, lookup.Key) is { } problem)
            return problem;
        var result = TokenClaims.ToCaller(claims, keys.Mapping, now);
        if (result is not TokenResult.Valid valid)
            return result;
        if (!Confirmation.TryRead(claims, out var bound))
            return new TokenResult.Invalid(PossessionCodes.Confirmation, "The token is bound to something that cannot be checked here.");
        if (presented.Api?.IsAudienceOf(valid.Caller) == false)
            return ForAnotherApi;
        if (possession.Problem(bound, presented, isDpop, key.Token, now, proof) is { } unproved)
            return unproved;
        if (bound is not null)
            valid = new TokenResult.Valid(valid.Caller with { Device = valid.Caller.Device! with { Certificate = bound.Certificate, ProofKey = bound.Key } });
        cache.Add(key, new VerifiedToken(valid, TokenClaims.UsableFrom(claims, keys.Options), valid.Caller.TokenExpiresAt, keys, generation, bound));
        return valid;
    }

    private static bool IsAccepted(string type, IssuerOptions issuer)
    {
        static ReadOnlySpan<char> Bare(string type) => type.StartsWith("application/", StringComparison.OrdinalIgnoreCase) ? type.AsSpan("application/".Length) : type;
        foreach (var accepted in issuer.Types.Count == 0 ? DefaultTypes : issuer.Types)
        {
            if (Bare(type).Equals(Bare(accepted), StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }

    private static JsonWebToken? TryParse(string token)
    {
        try
        {
            // Three parts: signed, not encrypted.
            return token.AsSpan().Count('.') == 2 ? new JsonWebToken(token) : null;
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException or System.Text.Json.JsonException or FormatException)
        {
            return null;
        }
    }

    private async Task<TokenResult.Invalid?> ProblemOfAsync(JsonWebToken jwt, IssuerOptions issuer, SecurityKey key)
    {
        var result = await handler.ValidateTokenAsync(jwt, new TokenValidationParameters
        {
            ValidIssuer = issuer.Issuer,
            ValidAudiences = issuer.Audiences,
            ValidAlgorithms = issuer.AcceptedAlgorithms,
            IssuerSigningKey = key,
            RequireAudience = true,
            RequireSignedTokens = true,
            TryAllIssuerSigningKeys = true,
            // Times are checked by our own clock, on each use (TokenClaims).
            ValidateLifetime = false,
        });
        return result switch
        {
            { IsValid: true } => null,
            { Exception: SecurityTokenInvalidAudienceException } => new(TokenCodes.Audience, "The token is for another audience."),
            _ => new(TokenCodes.Signature, "The token's signature is not valid."),
        };
    }
}
