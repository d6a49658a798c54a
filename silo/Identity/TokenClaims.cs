using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Identity;

namespace JitGrains.Silo.Identity;

/// <summary>The claims of a token whose signature is good: read strictly, and turned into a caller. Stateless and thread-safe.</summary>
internal static class TokenClaims
{
    internal const int MaxActors = 5;
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>The members of a token's header or payload; null where it is not one JSON object with every name once.</summary>
    public static ImmutableDictionary<string, JsonElement>? TryRead(string encoded)
    {
        try
        {
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(encoded), Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? document.RootElement.Clone().EnumerateObject().ToImmutableDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal)
                : null;
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            return null;
        }
    }

    /// <summary>The caller, or why the token is not accepted.</summary>
    public static TokenResult ToCaller(ImmutableDictionary<string, JsonElement> claims, ClaimMapping mapping, DateTimeOffset now)
    {
        var skew = mapping.Issuer.ClockSkew;
        if (!TryTime(claims, "exp", out var expires) || !TryTime(claims, "iat", out var issued))
            return new TokenResult.Invalid(TokenCodes.Claims, "The token has no exp or no iat.");
        var notBefore = issued;
        if (claims.ContainsKey("nbf") && !TryTime(claims, "nbf", out notBefore))
            return new TokenResult.Invalid(TokenCodes.Claims, "The token's nbf is not a time.");
        if (now >= expires + skew)
            return new TokenResult.Invalid(TokenCodes.Expired, "The token has expired.");
        if (now + skew < notBefore || now + skew < issued)
            return new TokenResult.Invalid(TokenCodes.NotYetValid, "The token is not valid yet.");

        // An address that anybody could have entered is no claim at all: neither for mappings, nor for conditions of rules.
        var emailDropped = claims.ContainsKey("email") && !IsTrue(claims.GetValueOrDefault(mapping.Issuer.EmailVerifiedClaim));
        if (emailDropped)
            claims = claims.Remove("email");
        if (!mapping.HasRequired(claims))
            return new TokenResult.Invalid(TokenCodes.Required, "A claim that this issuer's tokens must have is missing, or has another value.");
        if (!mapping.TryPrincipal(claims, out var principal))
        {
            return emailDropped && mapping.UsesEmail
                ? new TokenResult.Invalid(TokenCodes.Email, "The token's e-mail address is not verified.")
                : new TokenResult.Invalid(TokenCodes.Principal, "The token's principal is missing, or has a form that is not accepted.");
        }

        if (!TryActors(claims, mapping, out var actors))
            return new TokenResult.Invalid(TokenCodes.Actors, $"The token's act claim is malformed, names another issuer or is nested deeper than {MaxActors}.");
        if (!mapping.TryTriggeredBy(claims, out var triggeredBy))
            return new TokenResult.Invalid(TokenCodes.Trigger, "Who triggered the job is not known.");
        if (mapping.MayLackGroups(claims))
            return new TokenResult.Invalid(TokenCodes.GroupsIncomplete, "The issuer left groups out of the token; let it send the groups that policy names only.");
        if (!mapping.TryGroups(claims, out var groups))
            return new TokenResult.Invalid(TokenCodes.Groups, "The token's groups are not a list of names.");

        return new TokenResult.Valid(new Caller
        {
            Principal = principal,
            Actors = actors,
            Excluded = triggeredBy,
            Groups = groups,
            Claims = claims,
            Device = mapping.DeviceOf(claims),
            TokenIssuedAt = issued,
            // The instant from which the token is refused, so that executions end when new calls would be turned away.
            TokenExpiresAt = expires + skew,
        });
    }

    /// <summary>From when a token whose times are good may be used, by our clock.</summary>
    public static DateTimeOffset UsableFrom(ImmutableDictionary<string, JsonElement> claims, IssuerOptions issuer)
    {
        TryTime(claims, "iat", out var issued);
        return (TryTime(claims, "nbf", out var notBefore) && notBefore > issued ? notBefore : issued) - issuer.ClockSkew;
    }

    // Some issuers write booleans as text.
    private static bool IsTrue(JsonElement claim) => claim.ValueKind == JsonValueKind.True || (claim.ValueKind == JsonValueKind.String && claim.ValueEquals("true"));

    private static bool TryTime(ImmutableDictionary<string, JsonElement> claims, string name, out DateTimeOffset time)
    {
        time = default;
        // From 1970 to 9999: room is left for adding the clock skew.
        if (!claims.TryGetValue(name, out var claim) || claim.ValueKind != JsonValueKind.Number || !claim.TryGetDouble(out var seconds) || seconds is not (> 0 and < 253_000_000_000))
            return false;
        time = DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(seconds);
        return true;
    }

    private static bool TryActors(ImmutableDictionary<string, JsonElement> claims, ClaimMapping mapping, out ImmutableArray<PrincipalId> actors)
    {
        actors = [];
        if (!claims.TryGetValue("act", out var act))
            return true;
        var chain = ImmutableArray.CreateBuilder<PrincipalId>();
        while (true)
        {
            if (chain.Count == MaxActors || act.ValueKind != JsonValueKind.Object)
                return false;
            var members = act.EnumerateObject().ToDictionary(p => p.Name, p => p.Value, StringComparer.Ordinal);
            if (members.TryGetValue("iss", out var from) && !(from.ValueKind == JsonValueKind.String && from.ValueEquals(mapping.Issuer.Issuer)))
                return false;
            if (!mapping.TryActor(members, out var actor))
                return false;
            chain.Add(actor);
            if (!members.TryGetValue("act", out act))
                break;
        }

        actors = chain.ToImmutable();
        return true;
    }
}
