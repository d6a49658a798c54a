using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Identity;
using JitGrains.Unicode;

namespace JitGrains.Silo.Identity;

/// <summary>The claims of a token whose signature is good: read strictly, and turned into a caller. Stateless and thread-safe.</summary>
internal static class TokenClaims
{
    internal const int MaxActors = 5;
    private const int MaxGroupLength = 256;
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>The payload's members; null where it is not one JSON object with every name once.</summary>
    public static ImmutableDictionary<string, JsonElement>? TryRead(string encodedPayload)
    {
        try
        {
            using var document = JsonDocument.Parse(Base64Url.DecodeFromChars(encodedPayload), Strict);
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
    public static TokenResult ToCaller(ImmutableDictionary<string, JsonElement> claims, IssuerOptions issuer, DateTimeOffset now)
    {
        if (!TryTime(claims, "exp", out var expires) || !TryTime(claims, "iat", out var issued))
            return new TokenResult.Invalid(TokenCodes.Claims, "The token has no exp or no iat.");
        var notBefore = issued;
        if (claims.ContainsKey("nbf") && !TryTime(claims, "nbf", out notBefore))
            return new TokenResult.Invalid(TokenCodes.Claims, "The token's nbf is not a time.");
        if (now >= expires + issuer.ClockSkew)
            return new TokenResult.Invalid(TokenCodes.Expired, "The token has expired.");
        if (now + issuer.ClockSkew < notBefore || now + issuer.ClockSkew < issued)
            return new TokenResult.Invalid(TokenCodes.NotYetValid, "The token is not valid yet.");

        if (!TryPrincipal(claims.GetValueOrDefault(issuer.PrincipalClaim), claims, issuer, issuer.Kind, out var principal))
            return new TokenResult.Invalid(TokenCodes.Principal, "The token's principal is missing, or has a form that is not accepted.");
        if (!TryActors(claims, issuer, out var actors))
            return new TokenResult.Invalid(TokenCodes.Actors, $"The token's act claim is malformed, names another issuer or is nested deeper than {MaxActors}.");
        if (AreGroupsElsewhere(claims, issuer.GroupsClaim))
            return new TokenResult.Invalid(TokenCodes.GroupsIncomplete, "The issuer left groups out of the token; let it send the groups that policy names only.");
        if (!TryGroups(claims, issuer, out var groups))
            return new TokenResult.Invalid(TokenCodes.Groups, "The token's groups are not a list of names.");

        return new TokenResult.Valid(new Caller
        {
            Principal = principal,
            Actors = actors,
            Groups = groups,
            Claims = claims,
            TokenIssuedAt = issued,
            // The instant from which the token is refused, so that executions end when new calls would be turned away.
            TokenExpiresAt = expires + issuer.ClockSkew,
        });
    }

    /// <summary>From when a token whose times are good may be used, by our clock.</summary>
    public static DateTimeOffset UsableFrom(ImmutableDictionary<string, JsonElement> claims, IssuerOptions issuer)
    {
        TryTime(claims, "iat", out var issued);
        return (TryTime(claims, "nbf", out var notBefore) && notBefore > issued ? notBefore : issued) - issuer.ClockSkew;
    }

    private static bool TryTime(ImmutableDictionary<string, JsonElement> claims, string name, out DateTimeOffset time)
    {
        time = default;
        // From 1970 to 9999: room is left for adding the clock skew.
        if (!claims.TryGetValue(name, out var claim) || claim.ValueKind != JsonValueKind.Number || !claim.TryGetDouble(out var seconds) || seconds is not (> 0 and < 253_000_000_000))
            return false;
        time = DateTimeOffset.UnixEpoch + TimeSpan.FromSeconds(seconds);
        return true;
    }

    private static bool TryPrincipal(JsonElement name, IReadOnlyDictionary<string, JsonElement> of, IssuerOptions issuer, string kind, out PrincipalId principal)
    {
        principal = default;
        if (name.ValueKind != JsonValueKind.String || name.GetString() is not { Length: > 0 } text)
            return false;
        if (issuer.KindClaim is not null && of.TryGetValue(issuer.KindClaim, out var told))
        {
            if (told.ValueKind != JsonValueKind.String || !SafeText.IsKnownKind(told.GetString()!))
                return false;
            kind = told.GetString()!;
        }

        return PrincipalId.TryParse($"{issuer.Realm}:{kind}:{text}", null, out principal, out _);
    }

    private static bool TryActors(ImmutableDictionary<string, JsonElement> claims, IssuerOptions issuer, out ImmutableArray<PrincipalId> actors)
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
            if (members.TryGetValue("iss", out var from) && !(from.ValueKind == JsonValueKind.String && from.ValueEquals(issuer.Issuer)))
                return false;
            if (!TryPrincipal(members.GetValueOrDefault("sub"), members, issuer, issuer.ActorKind, out var actor))
                return false;
            chain.Add(actor);
            if (!members.TryGetValue("act", out act))
                break;
        }

        actors = chain.ToImmutable();
        return true;
    }

    private static bool AreGroupsElsewhere(ImmutableDictionary<string, JsonElement> claims, string groupsClaim) =>
        (claims.TryGetValue("_claim_names", out var names) && (names.ValueKind != JsonValueKind.Object || names.TryGetProperty(groupsClaim, out _)))
        || (claims.TryGetValue("hasgroups", out var has) && has.ValueKind != JsonValueKind.False && !has.ValueEqualsText("false"));

    private static bool ValueEqualsText(this JsonElement element, string text) => element.ValueKind == JsonValueKind.String && element.ValueEquals(text);

    private static bool TryGroups(ImmutableDictionary<string, JsonElement> claims, IssuerOptions issuer, out ImmutableHashSet<string> groups)
    {
        groups = [];
        if (!claims.TryGetValue(issuer.GroupsClaim, out var claim))
            return true;
        IEnumerable<JsonElement> names = claim.ValueKind switch
        {
            JsonValueKind.Array => claim.EnumerateArray(),
            _ => [claim],
        };
        var all = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            if (name.ValueKind != JsonValueKind.String || name.GetString() is not { Length: > 0 and <= MaxGroupLength } text
                || !SafeText.IsSafeSentence(text) || !UnicodeForm.IsComposed(text))
            {
                return false;
            }

            all.Add($"{issuer.Realm}:{text}");
        }

        groups = all.ToImmutable();
        return true;
    }
}
