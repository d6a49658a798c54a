namespace JitGrains.Silo.Identity;

/// <summary>An issuer whose tokens are accepted. What is left out is its preset's, and otherwise as said here.</summary>
public sealed partial record IssuerOptions
{
    /// <summary>Signature algorithms that can be accepted (RFC 7518). Unsigned tokens and shared secrets never are.</summary>
    public static readonly IReadOnlyList<string> KnownAlgorithms = ["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"];

    /// <summary>The realm that its principals and groups get; one issuer to a realm.</summary>
    public string Realm { get; init; } = "";

    /// <summary>What kind of issuer it is, one of <see cref="IssuerPresets.Names"/>: fills in what is left out here. Default: none.</summary>
    public string? Preset { get; init; }

    /// <summary>Its identifier, exactly as in its tokens' <c>iss</c>. https, except on loopback.</summary>
    public string Issuer { get; init; } = "";

    /// <summary>Accepted audiences; a token must name one of them.</summary>
    public IList<string> Audiences { get; init; } = [];

    /// <summary>Accepted algorithms; a token signed by any other is refused. Default: ES256 and RS256.</summary>
    public IList<string> Algorithms { get; init; } = [];

    /// <summary>Accepted types (<c>typ</c>, RFC 9068; compared without case and <c>application/</c>). Default: JWT and at+jwt, or none given.</summary>
    public IList<string> Types { get; init; } = [];

    /// <summary>The claim with the principal's name. Default: <c>sub</c>. Not with <see cref="Principals"/>.</summary>
    public string? PrincipalClaim { get; init; }

    /// <summary>How claims become the principal: the first mapping that fits counts. Default: <see cref="PrincipalClaim"/> as it is.</summary>
    public IList<PrincipalMapping> Principals { get; init; } = [];

    /// <summary>A claim with the principal's kind (user, service, agent, key), or null where <see cref="Kind"/> holds for all.</summary>
    public string? KindClaim { get; init; }

    /// <summary>The kind of principals whose token and mapping do not tell. Default: <c>user</c>.</summary>
    public string? Kind { get; init; }

    /// <summary>The kind of actors (RFC 8693 <c>act</c>) whose entry does not tell. Default: <c>agent</c>.</summary>
    public string? ActorKind { get; init; }

    /// <summary>The claim with the groups, an array of strings. Default: <c>groups</c>.</summary>
    public string? GroupsClaim { get; init; }

    /// <summary>What a group's whole name must match; its named groups are for <see cref="GroupsTemplate"/>. Others are left out. Default: all are taken.</summary>
    public string? GroupsPattern { get; init; }

    /// <summary>What a group becomes, with what <see cref="GroupsPattern"/> found in braces. Default: it stays as it is.</summary>
    public string? GroupsTemplate { get; init; }

    /// <summary>Further groups made of claims (<c>org-{repository_owner}</c>); one whose claims are missing is left out. Default: none.</summary>
    public IList<string> Groups { get; init; } = [];

    /// <summary>Whether a token without <see cref="GroupsClaim"/> is refused as incomplete. Default: false.</summary>
    public bool GroupsRequired { get; init; }

    /// <summary>The most groups that the issuer puts into a token: with so many, some may be left out, and it is refused as incomplete. Default: no such number.</summary>
    public int? GroupsAtMost { get; init; }

    /// <summary>Claims by which the issuer says that it left groups out, besides <c>_claim_names</c> and <c>hasgroups</c>. Default: none.</summary>
    public IList<string> GroupsElsewhere { get; init; } = [];

    /// <summary>Names by which rules ask what the issuer says of the device (<c>compliant</c>), and the claim or JSON pointer that says it. Default: none.</summary>
    public IDictionary<string, string> DeviceClaims { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Claims that a token must have, with one of these values each. Default: none.</summary>
    public IList<RequiredClaim> RequiredClaims { get; init; } = [];

    /// <summary>The claim that says whether <c>email</c> is verified; unless it is true, there is no e-mail. Default: <c>email_verified</c>.</summary>
    public string EmailVerifiedClaim { get; init; } = "email_verified";

    /// <summary>Who set off the job that calls, made of claims (<c>user:{actor}</c>, or with a realm before it): shown to approvers, none of whom they are. Default: nobody.</summary>
    public IList<string> TriggeredBy { get; init; } = [];

    /// <summary>Who those are at the issuer that approvers come from. Where there are any, a job of somebody who is not among them is refused. Default: none.</summary>
    public IList<KnownPerson> People { get; init; } = [];

    /// <summary>How far the issuer's clock may be off, either way. Default: 30 s; at most 5 min.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long keys that were fetched serve on while the issuer does not answer. Default: 24 h; 1 min to 7 d.</summary>
    public TimeSpan KeysServe { get; init; } = TimeSpan.FromHours(24);

    /// <summary>Where its discovery document is. Default: <c>/.well-known/openid-configuration</c> under <see cref="Issuer"/>.</summary>
    public string? Discovery { get; init; }

    /// <summary>A PEM file with the only authorities that its TLS certificate may come from. Default: the system's.</summary>
    public string? CaFile { get; init; }

    /// <summary>A file with a bearer token for fetching discovery and keys, read anew each time (a Kubernetes API server wants one). Default: none.</summary>
    public string? BearerFile { get; init; }

    internal IEnumerable<string> AcceptedAlgorithms => Algorithms.Count == 0 ? ["ES256", "RS256"] : Algorithms;
}

/// <summary>How claims become a principal.</summary>
public sealed record PrincipalMapping
{
    /// <summary>The claim that is looked at; a token without it does not fit. Default: <c>sub</c>.</summary>
    public string Claim { get; init; } = "sub";

    /// <summary>What the claim's whole text must match, a regular expression without lookaround and back references; its named groups are for <see cref="Template"/>. Default: any text.</summary>
    public string? Pattern { get; init; }

    /// <summary>The name, with claims and what <see cref="Pattern"/> found in braces, maybe with a kind before it: <c>service:repo:{repository}</c>. Default: the claim as it is.</summary>
    public string? Template { get; init; }
}

/// <summary>A claim that a token must have.</summary>
public sealed record RequiredClaim
{
    /// <summary>The claim.</summary>
    public string Claim { get; init; } = "";

    /// <summary>Accepted values; of a list of texts one must be among them. Empty: any value.</summary>
    public IList<string> Values { get; init; } = [];
}

/// <summary>Somebody whom two issuers call differently.</summary>
public sealed record KnownPerson
{
    /// <summary>The name that <see cref="IssuerOptions.TriggeredBy"/> finds, without realm and kind; compared without case.</summary>
    public string Name { get; init; } = "";

    /// <summary>The principal whom approvers know, <c>realm:user:name</c>.</summary>
    public string Principal { get; init; } = "";
}
