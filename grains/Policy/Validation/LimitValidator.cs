using JitGrains.Limits;
using JitGrains.Policy.Loading;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Validation;

/// <summary>Checks that limits are about something that can be there when they are taken.</summary>
internal static class LimitValidator
{
    /// <summary>Most limits: each may hold counts for many keys.</summary>
    public const int Most = 100;

    private static readonly string[] Selectors = ["who", "actions", "apis"];

    public static void Validate(BoundPolicy policy)
    {
        var declared = policy.Apis.SelectMany(a => a.Keys["actions"]?.Entries() ?? []).Select(e => e.Key.Text).Distinct(StringComparer.Ordinal).ToArray();
        var actions = policy.Actions.Select(a => a.Definition).ToArray();
        var apis = policy.Apis.Select(a => a.Definition.Name).ToArray();
        foreach (var limit in policy.Limits)
        {
            if (limit.Keys["actions"] is { } selector)
                RuleValidator.References(selector, declared, actions, declared.Length == actions.Length);
            foreach (var item in policy.Problems.HasErrors ? [] : limit.Keys["apis"]?.Items() ?? [])
            {
                if (item.Node is YamlScalar { Text: var name } && !apis.Contains(name, StringComparer.Ordinal))
                    item.Error($"no API is called '{Shown.Text(name)}'{Shown.Suggest(name, apis)}");
            }

            Subject(limit);
            Groups(limit);
            if (limit.Limit.Definition.Terms.Algorithm == LimitAlgorithm.Concurrent && limit.Limit.Definition.Counts != LimitSubject.Calls)
                limit.Keys.Near("concurrent").Error("only calls can be counted at the same time");
            if (limit.Keys["held"] is { } held && limit.Limit.Definition.Terms.Algorithm != LimitAlgorithm.Concurrent)
                held.Error("held goes with concurrent");
        }

        if (policy.Limits.Length > Most)
            policy.Limits[Most].Keys.At.Error($"there are more than {Most} limits");
    }

    /// <summary>Of what is counted, who and which call may not be known.</summary>
    private static void Subject(BoundLimit limit)
    {
        var definition = limit.Limit.Definition;
        var (keys, selectors) = definition.Counts switch
        {
            LimitSubject.Calls or LimitSubject.Asks => ((LimitKeys)~0, Selectors),
            LimitSubject.Votes => (LimitKeys.Principal | LimitKeys.Actor | LimitKeys.Group | LimitKeys.Address, ["who"]),
            _ => (LimitKeys.Address, []),
        };
        var word = LimitShapes.Subjects[(int)definition.Counts];
        foreach (var key in Selectors.Except(selectors, StringComparer.Ordinal))
        {
            if (limit.Keys[key] is { } given)
                given.Error($"of {word} this is not known, so {key} means nothing here");
        }

        if ((definition.Per & ~keys) != LimitKeys.None)
            limit.Keys.Near("per").Error($"of {word} not all of this is known; per can be {string.Join(", ", LimitShapes.Keys.Where((_, i) => keys.HasFlag((LimitKeys)(1 << i))))}");
    }

    private static void Groups(BoundLimit limit)
    {
        if (limit.Limit.Definition.Per.HasFlag(LimitKeys.Group) && limit.Limit.Definition.Groups.IsEmpty)
            limit.Keys.Near("per").Error("per: group gives each group of who.groups a budget of its own; list them there");
    }
}
