using JitGrains.Policy.Evaluation;
using JitGrains.Policy.Loading;

namespace JitGrains.Policy.Validation;

/// <summary>Finds rules that a stronger rule without conditions takes everything from, and actions without a rule.</summary>
internal static class ShadowValidator
{
    public static void Validate(BoundPolicy policy)
    {
        foreach (var action in policy.Actions.Where(a => !policy.Rules.Any(r => r.Rule.Actions.Selects(a.Definition))))
            action.Keys.At.Warning($"no rule is about '{action.Definition.Name}', so every call of it is denied");
        foreach (var rule in policy.Rules.Where(r => r.Rule.Effect != RuleEffect.Deny))
        {
            var shadow = policy.Rules.FirstOrDefault(r => Beats(r.Rule, rule.Rule)
                && r.Rule.When.IsEmpty
                && IsAboutAll(r.Rule.Who, rule.Rule.Who)
                && policy.Actions.Where(a => rule.Rule.Actions.Selects(a.Definition)).All(a => r.Rule.Actions.Selects(a.Definition)));
            if (shadow is not null)
                rule.Keys.At.Warning($"this rule never decides: '{shadow.Rule.Name}' ({shadow.Rule.Place}) is about the same callers and actions, has no conditions, and {Word(shadow.Rule.Effect)} comes before {Word(rule.Rule.Effect)}");
        }
    }

    private static string Word(RuleEffect effect) => effect switch
    {
        RuleEffect.Deny => "deny",
        RuleEffect.Approve => "approve",
        _ => "allow",
    };

    private static bool Beats(CompiledRule stronger, CompiledRule rule) => stronger.Effect < rule.Effect;

    private static bool IsAboutAll(WhoSelector wide, WhoSelector narrow) =>
        wide.Claims.IsEmpty
        && wide.Actors is null
        && (wide.Anyone || (!narrow.Anyone && narrow.Principals.IsSubsetOf(wide.Principals) && narrow.Groups.IsSubsetOf(wide.Groups)));
}
