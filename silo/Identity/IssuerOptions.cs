using JitGrains.Identity;

namespace JitGrains.Silo.Identity;

/// <summary>An issuer whose tokens are accepted.</summary>
public sealed record IssuerOptions
{
    /// <summary>Signature algorithms that can be accepted (RFC 7518). Unsigned tokens and shared secrets never are.</summary>
    public static readonly IReadOnlyList<string> KnownAlgorithms = ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

    /// <summary>The realm that its principals and groups get; one issuer to a realm.</summary>
    public string Realm { get; init; } = "";

    /// <summary>Its identifier, exactly as in its tokens' <c>iss</c>. https, except on loopback.</summary>
    public string Issuer { get; init; } = "";

    /// <summary>Accepted audiences; a token must name one of them.</summary>
    public IList<string> Audiences { get; init; } = [];

    /// <summary>Accepted algorithms; a token signed by any other is refused. Default: ES256 and RS256.</summary>
    public IList<string> Algorithms { get; init; } = [];

    /// <summary>The claim with the principal's name. Default: <c>sub</c>.</summary>
    public string PrincipalClaim { get; init; } = "sub";

    /// <summary>A claim with the principal's kind (user, service, agent, key), or null where <see cref="Kind"/> holds for all.</summary>
    public string? KindClaim { get; init; }

    /// <summary>The kind of principals whose token does not tell. Default: <c>user</c>.</summary>
    public string Kind { get; init; } = "user";

    /// <summary>The kind of actors (RFC 8693 <c>act</c>) whose entry does not tell. Default: <c>agent</c>.</summary>
    public string ActorKind { get; init; } = "agent";

    /// <summary>The claim with the groups, an array of strings. Default: <c>groups</c>.</summary>
    public string GroupsClaim { get; init; } = "groups";

    /// <summary>How far the issuer's clock may be off, either way. Default: 30 s; at most 5 min.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(30);

    internal IEnumerable<string> AcceptedAlgorithms => Algorithms.Count == 0 ? ["ES256", "RS256"] : Algorithms;

    /// <summary>Every problem of a list of issuers, none where it is fine.</summary>
    public static IReadOnlyList<string> ProblemsOf(IReadOnlyCollection<IssuerOptions> issuers)
    {
        var problems = issuers.SelectMany((issuer, i) => ProblemsOf(issuer, $"Issuers:{i}")).ToList();
        problems.AddRange(issuers.GroupBy(i => i.Realm, StringComparer.Ordinal).Where(g => g.Count() > 1)
            .Select(g => $"Issuers: the realm '{g.Key}' belongs to more than one issuer."));
        problems.AddRange(issuers.GroupBy(i => i.Issuer, StringComparer.Ordinal).Where(g => g.Count() > 1)
            .Select(g => $"Issuers: '{g.Key}' is listed more than once."));
        return problems;
    }

    private static IEnumerable<string> ProblemsOf(IssuerOptions issuer, string at)
    {
        if (!SafeText.IsToken(issuer.Realm))
            yield return $"{at}:Realm is 1 to 64 of a-z A-Z 0-9 - _ .";
        if (!IsAcceptableAddress(issuer.Issuer))
            yield return $"{at}:Issuer is an absolute https address (http on loopback only) without query or fragment.";
        if (issuer.Audiences.Count == 0 || issuer.Audiences.Any(string.IsNullOrWhiteSpace))
            yield return $"{at}:Audiences names at least one audience, and no empty one.";
        foreach (var algorithm in issuer.AcceptedAlgorithms.Where(a => !KnownAlgorithms.Contains(a, StringComparer.Ordinal)))
            yield return $"{at}:Algorithms holds '{algorithm}'; known are {string.Join(", ", KnownAlgorithms)}.";
        if (string.IsNullOrWhiteSpace(issuer.PrincipalClaim))
            yield return $"{at}:PrincipalClaim is empty.";
        if (string.IsNullOrWhiteSpace(issuer.GroupsClaim))
            yield return $"{at}:GroupsClaim is empty.";
        if (issuer.KindClaim is not null && string.IsNullOrWhiteSpace(issuer.KindClaim))
            yield return $"{at}:KindClaim is empty; leave it out instead.";
        if (!SafeText.IsKnownKind(issuer.Kind))
            yield return $"{at}:Kind is one of user, service, agent, key.";
        if (!SafeText.IsKnownKind(issuer.ActorKind))
            yield return $"{at}:ActorKind is one of user, service, agent, key.";
        if (issuer.ClockSkew < TimeSpan.Zero || issuer.ClockSkew > TimeSpan.FromMinutes(5))
            yield return $"{at}:ClockSkew is between 0 and 5 minutes.";
    }

    internal static bool IsAcceptableAddress(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback))
        && uri.UserInfo.Length == 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0;
}
