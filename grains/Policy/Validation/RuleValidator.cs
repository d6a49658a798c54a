using System.Collections.Immutable;
using JitGrains.Grants;
using JitGrains.Policy.Conditions;
using JitGrains.Policy.Evaluation;
using JitGrains.Policy.Loading;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Validation;

/// <summary>Checks rules against the actions.</summary>
internal static class RuleValidator
{
    public static void Validate(BoundPolicy policy)
    {
        // Actions that could not be read still have names, and no rule is wrong for naming them.
        var declared = policy.Apis.SelectMany(a => a.Keys["actions"]?.Entries() ?? []).Select(e => e.Key.Text).Distinct(StringComparer.Ordinal).ToArray();
        var actions = policy.Actions.Select(a => a.Definition).ToArray();
        var complete = declared.Length == actions.Length;
        foreach (var rule in policy.Rules)
        {
            var known = References(rule.Keys["actions"], declared, actions, complete);
            var selected = policy.Actions.Where(a => rule.Rule.Actions.Selects(a.Definition)).ToImmutableArray();
            if (known && complete && selected.IsEmpty)
                rule.Keys.Near("actions").Error("no action has all of this, so the rule can never match");
            PathConditions(rule, selected);
            if (rule.Rule.Approve is { } approve)
                ManyUses(rule, approve, selected);
        }
    }

    /// <summary>Whether there are actions of all the names and classes that are given.</summary>
    public static bool References(Cursor? selector, string[] declared, ActionDefinition[] actions, bool complete)
    {
        if (selector?.Node is not YamlMap)
            return false;
        var known = true;
        var keys = selector.Value.Shape(Schema.PolicyShapes.Actions)!;
        foreach (var item in keys["names"]?.Items() ?? [])
        {
            if (item.Node is YamlScalar { Text: var name } && !declared.Any(n => ActionSelector.NameFits(name, n)))
                known = Unknown(item, $"no action is called '{Shown.Text(name)}'", name, declared);
        }

        known &= Classes(keys["access"], "access", complete, actions.Select(a => a.Access));
        return known & Classes(keys["sensitivity"], "sensitivity", complete, actions.Select(a => a.Sensitivity));
    }

    private static bool Classes(Cursor? list, string key, bool complete, IEnumerable<string?> there)
    {
        var known = true;
        var classes = there.OfType<string>().ToHashSet(StringComparer.Ordinal);
        foreach (var item in list?.Items() ?? [])
        {
            if (complete && item.Node is YamlScalar { Text: var name } && !classes.Contains(name))
                known = Unknown(item, $"no action has the {key} '{Shown.Text(name)}'", name, classes);
        }

        return known;
    }

    private static bool Unknown(Cursor at, string message, string name, IEnumerable<string> names)
    {
        at.Error($"{message}{Shown.Suggest(name, names)}");
        return false;
    }

    // Where a template does not capture the parameter, the condition can never be evaluated.
    private static void PathConditions(BoundRule rule, ImmutableArray<BoundAction> selected)
    {
        Check(rule.Rule.When, rule.Keys.Near("when"));
        if (rule.Rule.Approve?.Auto is { } auto)
            Check(auto, rule.Keys.Near("approve"));

        void Check(ConditionSet conditions, Cursor at)
        {
            foreach (var condition in conditions.Conditions.OfType<FieldCondition>().Where(c => c.Source == FieldSource.Path))
            {
                var without = selected.Where(a => !a.Template.Parameters.Contains(condition.Name)).Select(a => a.Definition.Name).ToArray();
                if (without.Length == 0)
                    continue;
                var parameters = selected.SelectMany(a => a.Template.Parameters).Distinct(StringComparer.Ordinal);
                if (without.Length == selected.Length)
                    at.Error($"none of the rule's actions has the path parameter '{Shown.Text(condition.Name)}'{Shown.Suggest(condition.Name, parameters)}");
                else
                    at.Warning($"{string.Join(", ", without)} has no path parameter '{condition.Name}': there the condition cannot be evaluated, which counts as true for deny and approve and as false for allow and auto");
            }
        }
    }

    private static void ManyUses(BoundRule rule, ApproveRule approve, ImmutableArray<BoundAction> selected)
    {
        var pinned = selected.Where(a => a.Definition.Binding == BindingKind.Payload).Select(a => a.Definition.Name).ToArray();
        if (approve.Terms.MaxUses != 1 && pinned.Length > 0)
            rule.Keys["approve"]!.Value.Shape(Schema.PolicyShapes.Approve)!.Near("uses").Warning($"{string.Join(", ", pinned)} has a payload binding: several uses repeat exactly the same call");
    }
}
