using System.Text.RegularExpressions;
using JitGrains.Identity;
using JitGrains.Keys;

namespace JitGrains.Silo.Identity;

/// <summary>How a certificate's alternative name becomes a principal.</summary>
public sealed record CertificateName
{
    /// <summary>Which of its names: <c>uri</c>, <c>dns</c> or <c>email</c>.</summary>
    public string San { get; init; } = "";

    /// <summary>A regular expression that the whole name fits; default any name. Named groups can stand in <see cref="Principal"/>.</summary>
    public string Pattern { get; init; } = "(?<name>.+)";

    /// <summary>The principal, kind and name: <c>service:{name}</c>, where what stands in braces is a named group.</summary>
    public string Principal { get; init; } = "service:{name}";

    /// <summary>Groups that such principals are in, written alike. Default none.</summary>
    public IList<string> Groups { get; init; } = [];
}

/// <summary>An authority whose client certificates show who calls, without a token.</summary>
public sealed record CertificateIssuerOptions
{
    /// <summary>The realm that its principals get; one authority to a realm, and none that an issuer of tokens has.</summary>
    public string Realm { get; init; } = "";

    /// <summary>A PEM file with its certificates: roots, and intermediates that callers may leave out.</summary>
    public string Ca { get; init; } = "";

    /// <summary>Its revocation lists, PEM or DER files. Default none: nothing is revoked. With any, one that is missing or out of date refuses its certificates.</summary>
    public IList<string> Crls { get; init; } = [];

    /// <summary>A SPIFFE trust domain: certificates are X.509 SVIDs of it, and <c>spiffe://domain/path</c> is principal <c>service:path</c>. Default none.</summary>
    public string? TrustDomain { get; init; }

    /// <summary>How other names become principals; the first that fits counts.</summary>
    public IList<CertificateName> Names { get; init; } = [];

    /// <summary>Whether its certificates show devices only: rules can ask for them, and nobody calls by one without a token. Default: no.</summary>
    public bool Devices { get; init; }

    internal IEnumerable<string> Files => [Ca, .. Crls];

    /// <summary>Every problem of a list of authorities, beside issuers of tokens.</summary>
    public static IReadOnlyList<string> ProblemsOf(IReadOnlyCollection<CertificateIssuerOptions> all, IEnumerable<IssuerOptions> issuers)
    {
        var problems = all.SelectMany((issuer, i) => ProblemsOf(issuer, $"CertificateIssuers:{i}")).ToList();
        problems.AddRange(all.Select(a => a.Realm).Concat(issuers.Select(i => i.Realm)).GroupBy(r => r, StringComparer.Ordinal)
            .Where(g => g.Count() > 1 && all.Any(a => a.Realm == g.Key))
            .Select(g => $"CertificateIssuers: the realm '{g.Key}' belongs to more than one issuer."));
        if (all.Select(a => a.Realm).Concat(issuers.Select(i => i.Realm)).Contains(ApiKey.Realm, StringComparer.Ordinal))
            problems.Add($"Issuers, CertificateIssuers: the realm '{ApiKey.Realm}' is that of API keys.");
        return problems;
    }

    private static IEnumerable<string> ProblemsOf(CertificateIssuerOptions issuer, string at)
    {
        if (!SafeText.IsToken(issuer.Realm))
            yield return $"{at}:Realm is 1 to 64 of a-z A-Z 0-9 - _ .";
        if (string.IsNullOrWhiteSpace(issuer.Ca))
            yield return $"{at}:Ca names a PEM file of authorities.";
        if (issuer.Crls.Any(string.IsNullOrWhiteSpace))
            yield return $"{at}:Crls holds an empty name.";
        if (issuer.Devices && (issuer.TrustDomain is not null || issuer.Names.Count > 0))
            yield return $"{at}: certificates of Devices name no principals, so there is no TrustDomain and are no Names.";
        else if (!issuer.Devices && (issuer.TrustDomain is null) == (issuer.Names.Count == 0))
            yield return $"{at}: say how certificates name principals, by a TrustDomain or by Names, or that they show Devices.";
        if (issuer.TrustDomain is { } domain && !SpiffeId.IsTrustDomain(domain))
            yield return $"{at}:TrustDomain is 1 to 255 of a-z 0-9 - _ .";
        for (var i = 0; i < issuer.Names.Count; i++)
        {
            var name = issuer.Names[i];
            if (name.San is not ("uri" or "dns" or "email"))
                yield return $"{at}:Names:{i}:San is uri, dns or email.";
            if (CertificateNames.TryCompile(name) is null)
                yield return $"{at}:Names:{i}:Pattern is no regular expression that can be matched in linear time.";
            if (!SafeText.IsKnownKind(name.Principal.Split(':')[0]) || !name.Principal.Contains(':', StringComparison.Ordinal))
                yield return $"{at}:Names:{i}:Principal is written kind:name, such as service:{{name}}.";
        }
    }
}
