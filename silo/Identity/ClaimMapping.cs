using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using JitGrains.Identity;
using JitGrains.Unicode;

namespace JitGrains.Silo.Identity;

/// <summary>How one issuer's claims say who calls: its options, made ready. A claim is named, or reached by a JSON pointer (RFC 6901): <c>/realm_access/roles</c>. Immutable and thread-safe.</summary>
internal sealed class ClaimMapping
{
    private const int MaxGroupLength = 256;
    private const int MaxGroups = 2000;

    private readonly ImmutableArray<(PrincipalMapping Mapping, Regex? Pattern, ClaimTemplate? Template)> principals;
    private readonly Regex? groupsPattern;
    private readonly ClaimTemplate? groupsTemplate;
    private readonly ImmutableArray<ClaimTemplate> groups;
    private readonly ImmutableArray<ClaimTemplate> triggers;

    public ClaimMapping(IssuerOptions issuer)
    {
        Issuer = issuer;
        principals = [.. (issuer.Principals.Count > 0 ? issuer.Principals : [new PrincipalMapping { Claim = issuer.PrincipalClaim ?? "sub" }])
            .Select(m => (m, m.Pattern is null ? null : Whole(m.Pattern), m.Template is null ? null : ClaimTemplate.Parse(m.Template)))];
        groupsPattern = issuer.GroupsPattern is null ? null : Whole(issuer.GroupsPattern);
        groupsTemplate = issuer.GroupsTemplate is null ? null : ClaimTemplate.Parse(issuer.GroupsTemplate);
        groups = [.. issuer.Groups.Select(ClaimTemplate.Parse)];
        triggers = [.. issuer.TriggeredBy.Select(ClaimTemplate.Parse)];
        UsesEmail = principals.Any(p => p.Mapping.Claim == "email" || p.Template?.Names.Contains("email", StringComparer.Ordinal) == true);
    }

    /// <summary>The options, its preset's among them.</summary>
    public IssuerOptions Issuer { get; }

    /// <summary>Whether principals are named by their e-mail address.</summary>
    public bool UsesEmail { get; }

    private string GroupsClaim => Issuer.GroupsClaim ?? "groups";

    /// <summary>A regular expression for a whole text, matched in time linear in it.</summary>
    public static Regex Whole(string pattern) => new($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture);

    /// <summary>The subject.</summary>
    public bool TryPrincipal(ImmutableDictionary<string, JsonElement> claims, out PrincipalId principal)
    {
        principal = default;
        foreach (var (mapping, pattern, template) in principals)
        {
            // A name that is no text is no name; within a template a number may be an id.
            if (Find(claims, mapping.Claim) is not { ValueKind: JsonValueKind.String } claim || claim.GetString() is not { Length: > 0 } text || pattern?.Match(text) is { Success: false })
                continue;
            var found = pattern?.Match(text);
            var name = template is null ? text : template.Render(n => ValueOf(n, found, claims));
            return name is not null && TryName(name, template?.Kind, claims, Issuer.Kind ?? "user", out principal);
        }

        return false;
    }

    /// <summary>An actor's entry.</summary>
    public bool TryActor(IReadOnlyDictionary<string, JsonElement> entry, out PrincipalId actor)
    {
        actor = default;
        return entry.GetValueOrDefault("sub") is { ValueKind: JsonValueKind.String } sub
            && sub.GetString() is { Length: > 0 } name
            && TryName(name, null, entry, Issuer.ActorKind ?? "agent", out actor);
    }

    /// <summary>Whether groups may be missing from the token.</summary>
    public bool MayLackGroups(ImmutableDictionary<string, JsonElement> claims) =>
        (claims.TryGetValue("_claim_names", out var names) && (names.ValueKind != JsonValueKind.Object || names.TryGetProperty(GroupsClaim, out _)))
        || (GroupsClaim == "groups" && IsSaid(claims, "hasgroups"))
        || Issuer.GroupsElsewhere.Any(c => IsSaid(claims, c))
        || (Issuer.GroupsRequired && Find(claims, GroupsClaim) is null)
        || (Issuer.GroupsAtMost is { } most && Find(claims, GroupsClaim) is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() >= most);

    /// <summary>The groups, qualified.</summary>
    public bool TryGroups(ImmutableDictionary<string, JsonElement> claims, out ImmutableHashSet<string> qualified)
    {
        qualified = [];
        var all = ImmutableHashSet.CreateBuilder<string>(StringComparer.Ordinal);
        foreach (var name in Find(claims, GroupsClaim) switch { null => [], { ValueKind: JsonValueKind.Array } list => list.EnumerateArray(), { } one => (IEnumerable<JsonElement>)[one] })
        {
            if (name.ValueKind != JsonValueKind.String || name.GetString() is not { } text || !IsGroup(text) || all.Count == MaxGroups)
                return false;
            var found = groupsPattern?.Match(text);
            if (found is { Success: false })
                continue;
            if (groupsTemplate is not null)
                text = groupsTemplate.Render(n => ValueOf(n, found, claims)) ?? "";
            if (!IsGroup(text))
                return false;
            all.Add($"{Issuer.Realm}:{text}");
        }

        foreach (var template in groups)
        {
            if (template.Render(n => ValueOf(n, null, claims)) is not { } text)
                continue;
            if (!IsGroup(text))
                return false;
            all.Add($"{Issuer.Realm}:{text}");
        }

        qualified = all.ToImmutable();
        return true;
    }

    /// <summary>Who set off the job: false where that should be known, and is not.</summary>
    public bool TryTriggeredBy(ImmutableDictionary<string, JsonElement> claims, out ImmutableArray<PrincipalId> by)
    {
        by = [];
        var all = ImmutableArray.CreateBuilder<PrincipalId>();
        var known = Issuer.People.Count == 0;
        foreach (var template in triggers)
        {
            var text = template.Render(n => ValueOf(n, null, claims));
            if (text is null || !PrincipalId.TryParse(template.Kind is null ? text : $"{Issuer.Realm}:{text}", null, out var id, out _))
                return false;
            all.Add(id);
            foreach (var person in Issuer.People.Where(p => string.Equals(p.Name, id.Name, StringComparison.OrdinalIgnoreCase)))
            {
                if (!PrincipalId.TryParse(person.Principal, null, out var there, out _))
                    return false;
                known = true;
                all.Add(there);
            }
        }

        by = [.. all.Distinct()];
        return known || triggers.IsEmpty;
    }

    /// <summary>What the token says of the device, by the names that rules ask for.</summary>
    public CallerDevice DeviceOf(ImmutableDictionary<string, JsonElement> claims)
    {
        if (Issuer.DeviceClaims.Count == 0)
            return CallerDevice.None;
        var said = ImmutableDictionary.CreateBuilder<string, JsonElement>(StringComparer.Ordinal);
        foreach (var (name, claim) in Issuer.DeviceClaims)
        {
            if (Find(claims, claim) is { } value)
                said[name] = value;
        }

        return new CallerDevice { Claims = said.ToImmutable() };
    }

    /// <summary>Whether the token has everything that it must.</summary>
    public bool HasRequired(ImmutableDictionary<string, JsonElement> claims) =>
        Issuer.RequiredClaims.All(r => Find(claims, r.Claim) is { ValueKind: not JsonValueKind.Null } claim
            && (r.Values.Count == 0 || (claim.ValueKind == JsonValueKind.Array ? claim.EnumerateArray().Any(c => Is(c, r)) : Is(claim, r))));

    private static bool Is(JsonElement claim, RequiredClaim required) =>
        claim.ValueKind is JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False && required.Values.Contains(claim.ToString(), StringComparer.Ordinal)
        // A JsonElement writes booleans as .NET does.
        || (claim.ValueKind is JsonValueKind.True or JsonValueKind.False && required.Values.Contains(claim.GetRawText(), StringComparer.Ordinal));

    private static bool IsGroup(string text) => text.Length is > 0 and <= MaxGroupLength && SafeText.IsSafeSentence(text) && UnicodeForm.IsComposed(text);

    private static bool IsSaid(ImmutableDictionary<string, JsonElement> claims, string name) =>
        Find(claims, name) is { } said && said.ValueKind is not (JsonValueKind.False or JsonValueKind.Null) && !(said.ValueKind == JsonValueKind.String && said.ValueEquals("false"));

    private bool TryName(string name, string? kind, IReadOnlyDictionary<string, JsonElement> of, string otherwise, out PrincipalId principal)
    {
        principal = default;
        if (kind is null && Issuer.KindClaim is not null && of.TryGetValue(Issuer.KindClaim, out var told))
        {
            if (told.ValueKind != JsonValueKind.String || !SafeText.IsKnownKind(told.GetString()!))
                return false;
            otherwise = told.GetString()!;
        }

        return PrincipalId.TryParse(kind is null ? $"{Issuer.Realm}:{otherwise}:{name}" : $"{Issuer.Realm}:{name}", null, out principal, out _);
    }

    private static string? ValueOf(string name, Match? found, ImmutableDictionary<string, JsonElement> claims) =>
        found?.Groups.TryGetValue(name, out var group) == true ? (group.Success ? group.Value : null) : Text(claims, name);

    private static string? Text(ImmutableDictionary<string, JsonElement> claims, string name) => Find(claims, name) switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString(),
        // Ids are whole numbers at some issuers.
        { ValueKind: JsonValueKind.Number } number when number.TryGetInt64(out var whole) => whole.ToString(CultureInfo.InvariantCulture),
        _ => null,
    };

    private static JsonElement? Find(ImmutableDictionary<string, JsonElement> claims, string name)
    {
        if (name[0] != '/')
            return claims.TryGetValue(name, out var claim) ? claim : null;
        var parts = name[1..].Split('/').Select(p => p.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)).ToArray();
        if (!claims.TryGetValue(parts[0], out var at))
            return null;
        foreach (var part in parts.Skip(1))
        {
            if (at.ValueKind != JsonValueKind.Object || !at.TryGetProperty(part, out at))
                return null;
        }

        return at;
    }
}
