using System.Collections.Immutable;
using System.Text.Json;

namespace JitGrains.Silo.Identity;

/// <content>ID tokens, which say who signed in (OpenID Connect Core, section 3.1.3.7). They are no bearer tokens: their audience is a client.</content>
public sealed partial class TokenValidator
{
    /// <summary>Checks the ID token of a sign-in that we began.</summary>
    /// <param name="token">The token.</param>
    /// <param name="issuer">Where the sign-in was begun.</param>
    /// <param name="clientId">Our client id there: the only audience but for others that name us as authorized party.</param>
    /// <param name="nonce">The sign-in's.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellation">Ends waiting for the issuer's keys.</param>
    internal async ValueTask<TokenResult> ValidateIdTokenAsync(string token, string issuer, string clientId, string nonce, DateTimeOffset now, CancellationToken cancellation)
    {
        if (token.Length > MaxTokenLength || token.AsSpan().ContainsAnyExcept(TokenCharacters)
            || TryParse(token) is not { } jwt || TokenClaims.TryRead(jwt.EncodedHeader) is not { } header || header.ContainsKey("crit")
            || (jwt.Typ is { Length: > 0 } typ && !typ.Equals("JWT", StringComparison.OrdinalIgnoreCase))
            || TokenClaims.TryRead(jwt.EncodedPayload) is not { } claims)
        {
            return Malformed;
        }

        if (!Says(claims, "iss", issuer) || !Volatile.Read(ref issuers).TryGetValue(issuer, out var keys))
            return new TokenResult.Invalid(TokenCodes.Issuer, "The ID token is another issuer's.");
        if (!keys.Options.AcceptedAlgorithms.Contains(jwt.Alg, StringComparer.Ordinal))
            return new TokenResult.Invalid(TokenCodes.Algorithm, "The ID token's signature algorithm is not accepted from this issuer.");
        var lookup = await keys.FindAsync(string.IsNullOrEmpty(jwt.Kid) ? null : jwt.Kid, jwt.Alg, cancellation);
        if (lookup.Key is null)
            return new TokenResult.Unavailable("The key of the ID token cannot be had.");
        if (await ProblemOfAsync(jwt, keys.Options with { Audiences = [clientId] }, lookup.Key) is { } problem)
            return problem;
        if (claims.ContainsKey("azp") ? !Says(claims, "azp", clientId) : claims["aud"].ValueKind == JsonValueKind.Array && claims["aud"].GetArrayLength() > 1)
            return new TokenResult.Invalid(TokenCodes.Audience, "The ID token is for another client.");
        return Says(claims, "nonce", nonce)
            ? TokenClaims.ToCaller(claims, keys.Mapping, now)
            : new TokenResult.Invalid(TokenCodes.Claims, "The ID token is that of another sign-in.");
    }

    private static bool Says(ImmutableDictionary<string, JsonElement> claims, string name, string value) =>
        claims.TryGetValue(name, out var claim) && claim.ValueKind == JsonValueKind.String && claim.ValueEquals(value);
}
