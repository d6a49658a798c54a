using System.Text.RegularExpressions;
using JitGrains.Identity;

namespace JitGrains.Silo.Identity;

/// <content>What can be wrong with an issuer's options.</content>
public sealed partial record IssuerOptions
{
    /// <summary>Every problem of a list of issuers, none where it is fine.</summary>
    public static IReadOnlyList<string> ProblemsOf(IReadOnlyCollection<IssuerOptions> issuers)
    {
        var problems = issuers.SelectMany((issuer, i) => ProblemsOf(issuer, $"Issuers:{i}")).ToList();
        problems.AddRange(issuers.GroupBy(i => i.Realm, StringComparer.Ordinal).Where(g => g.Count() > 1)
            .Select(g => $"Issuers: the realm '{g.Key}' belongs to more than one issuer."));
        problems.AddRange(issuers.GroupBy(i => IssuerPresets.Apply(i).Issuer, StringComparer.Ordinal).Where(g => g.Count() > 1)
            .Select(g => $"Issuers: '{g.Key}' is listed more than once."));
        return problems;
    }

    internal static bool IsAcceptableAddress(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback))
        && uri.UserInfo.Length == 0 && uri.Query.Length == 0 && uri.Fragment.Length == 0;

    private static IEnumerable<string> ProblemsOf(IssuerOptions given, string at)
    {
        if (given.Preset is not null && !IssuerPresets.Names.Contains(given.Preset, StringComparer.Ordinal))
            return [$"{at}:Preset is one of {string.Join(", ", IssuerPresets.Names)}."];
        var issuer = IssuerPresets.Apply(given);
        return [.. ProblemsOfTokens(issuer, at), .. ProblemsOfClaims(issuer, at), .. ProblemsOfMapping(issuer, at), .. ProblemsOfFetching(issuer, at)];
    }

    private static IEnumerable<string> ProblemsOfTokens(IssuerOptions issuer, string at)
    {
        if (!SafeText.IsToken(issuer.Realm))
            yield return $"{at}:Realm is 1 to 64 of a-z A-Z 0-9 - _ .";
        if (!IsAcceptableAddress(issuer.Issuer))
            yield return $"{at}:Issuer is an absolute https address (http on loopback only) without query or fragment.";
        if (issuer.Audiences.Count == 0 || issuer.Audiences.Any(string.IsNullOrWhiteSpace))
            yield return $"{at}:Audiences names at least one audience, and no empty one.";
        foreach (var algorithm in issuer.AcceptedAlgorithms.Where(a => !KnownAlgorithms.Contains(a, StringComparer.Ordinal)))
            yield return $"{at}:Algorithms holds '{algorithm}'; known are {string.Join(", ", KnownAlgorithms)}.";
        if (issuer.Types.Any(string.IsNullOrWhiteSpace))
            yield return $"{at}:Types holds an empty one.";
        if (issuer.ClockSkew < TimeSpan.Zero || issuer.ClockSkew > TimeSpan.FromMinutes(5))
            yield return $"{at}:ClockSkew is between 0 and 5 minutes.";
    }

    private static IEnumerable<string> ProblemsOfClaims(IssuerOptions issuer, string at)
    {
        foreach (var (name, claim) in new[]
        {
            (nameof(PrincipalClaim), issuer.PrincipalClaim), (nameof(GroupsClaim), issuer.GroupsClaim), (nameof(KindClaim), issuer.KindClaim), (nameof(EmailVerifiedClaim), issuer.EmailVerifiedClaim),
        })
        {
            if (claim is not null && string.IsNullOrWhiteSpace(claim))
                yield return $"{at}:{name} is empty.";
        }

        if (issuer.Kind is not null && !SafeText.IsKnownKind(issuer.Kind))
            yield return $"{at}:Kind is one of user, service, agent, key.";
        if (issuer.ActorKind is not null && !SafeText.IsKnownKind(issuer.ActorKind))
            yield return $"{at}:ActorKind is one of user, service, agent, key.";
        if (issuer.GroupsElsewhere.Any(string.IsNullOrWhiteSpace))
            yield return $"{at}:GroupsElsewhere holds an empty one.";
        if (issuer.GroupsAtMost is < 1)
            yield return $"{at}:GroupsAtMost is at least 1.";
        if (issuer.DeviceClaims.Any(d => !SafeText.IsToken(d.Key) || string.IsNullOrWhiteSpace(d.Value)))
            yield return $"{at}:DeviceClaims has a name (1 to 64 of a-z A-Z 0-9 - _ .) and a claim each.";
        if (issuer.RequiredClaims.Any(c => string.IsNullOrWhiteSpace(c.Claim) || c.Values.Any(string.IsNullOrEmpty)))
            yield return $"{at}:RequiredClaims names a claim each, and no empty value.";
        if (IssuerPresets.IsForEverybody(issuer) && !issuer.RequiredClaims.Any(c => c.Values.Count > 0))
            yield return $"{at}:RequiredClaims: everybody can get tokens of {issuer.Issuer} for any audience. Say whose are meant, such as {IssuerPresets.OwnerClaim(issuer)}.";
    }

    private static IEnumerable<string> ProblemsOfMapping(IssuerOptions issuer, string at)
    {
        if (issuer is { PrincipalClaim: not null, Principals.Count: > 0 })
            yield return $"{at}:PrincipalClaim, Principals: give one of the two.";
        for (var i = 0; i < issuer.Principals.Count; i++)
        {
            var mapping = issuer.Principals[i];
            if (string.IsNullOrWhiteSpace(mapping.Claim))
                yield return $"{at}:Principals:{i}:Claim is empty.";
            if (ProblemOfPattern(mapping.Pattern) is { } pattern)
                yield return $"{at}:Principals:{i}:Pattern {pattern}";
            if (ProblemOfTemplate(mapping.Template) is { } template)
                yield return $"{at}:Principals:{i}:Template {template}";
        }

        if (ProblemOfPattern(issuer.GroupsPattern) is { } groupsPattern)
            yield return $"{at}:GroupsPattern {groupsPattern}";
        if (issuer.GroupsTemplate is not null && issuer.GroupsPattern is null)
            yield return $"{at}:GroupsTemplate needs a GroupsPattern whose named groups it uses.";
        foreach (var (name, template) in issuer.Groups.Select(g => (Name: nameof(Groups), Template: (string?)g)).Append((Name: nameof(GroupsTemplate), Template: issuer.GroupsTemplate)))
        {
            if (ProblemOfTemplate(template) is { } problem)
                yield return $"{at}:{name} {problem}";
        }

        foreach (var trigger in issuer.TriggeredBy)
        {
            if (ProblemOfTemplate(trigger) is { } problem)
                yield return $"{at}:TriggeredBy {problem}";
            else if (!ClaimTemplate.Parse(trigger).NamesKind)
                yield return $"{at}:TriggeredBy begins with a kind, or with a realm and a kind: user:{{actor}}.";
        }

        if (issuer is { People.Count: > 0, TriggeredBy.Count: 0 })
            yield return $"{at}:People says who TriggeredBy is, which is not given.";
        if (issuer.People.Any(p => p.Name.Length == 0 || !PrincipalId.TryParse(p.Principal, null, out _, out _)))
            yield return $"{at}:People has a Name and a Principal (realm:user:name) each.";
        if (issuer.People.GroupBy(p => p.Name, StringComparer.OrdinalIgnoreCase).Any(g => g.Count() > 1))
            yield return $"{at}:People has a name twice.";
    }

    private static IEnumerable<string> ProblemsOfFetching(IssuerOptions issuer, string at)
    {
        if (issuer.KeysServe < TimeSpan.FromMinutes(1) || issuer.KeysServe > TimeSpan.FromDays(7))
            yield return $"{at}:KeysServe is from 1 minute to 7 days.";
        if (issuer.Discovery is not null && !IsAcceptableAddress(issuer.Discovery))
            yield return $"{at}:Discovery is an absolute https address (http on loopback only) without query or fragment.";
        if (issuer.CaFile is not null && !File.Exists(issuer.CaFile))
            yield return $"{at}:CaFile: there is no such file.";
        if (issuer.BearerFile is not null && !File.Exists(issuer.BearerFile))
            yield return $"{at}:BearerFile: there is no such file.";
    }

    private static string? ProblemOfTemplate(string? template) =>
        template is null || ClaimTemplate.TryParse(template, out _, out var problem) ? null : problem;

    private static string? ProblemOfPattern(string? pattern)
    {
        try
        {
            if (pattern is not null)
                _ = ClaimMapping.Whole(pattern);
            return null;
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            return "is no regular expression, or one with lookaround or back references.";
        }
    }
}
