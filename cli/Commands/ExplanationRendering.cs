using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.Wire;

namespace JitGrains.Cli.Commands;

/// <summary>An explanation: the decision first, then every rule about the action and how it came to bear.</summary>
internal static class ExplanationRendering
{
    public static void Show(Output output, ExplanationView view)
    {
        output.Line($"{(view.Automatic ? "automatic " : "")}{Phrases.Word(view.Decision)}{(view.Rule is null ? "" : $" by {view.Rule}")}");
        output.Fields(
            ("because", view.Detail),
            ("refusal", view.Refusal),
            ("api", view.Api),
            ("action", view.Action),
            ("resource", view.Resource),
            ("policy", view.PolicyVersion));
        var rules = view.Rules.IsDefault ? [] : view.Rules;
        if (!rules.IsEmpty)
            output.Line("Rules about this action:");
        foreach (var rule in rules)
        {
            output.Line($"  {rule.Rule} ({Phrases.Word(rule.Effect)}, {rule.Place}): {Bearing(rule)}");
            foreach (var condition in rule.Conditions.IsDefault ? [] : rule.Conditions)
                output.Line($"    {condition.Path}: {condition.Test} is {Phrases.Word(condition.Result)}{(condition.Problem is null ? "" : $" ({condition.Problem})")}");
        }

        var limits = view.Limits.IsDefault ? [] : view.Limits;
        if (!limits.IsEmpty)
            output.Line("Limits that count it:");
        foreach (var limit in limits)
            output.Line($"  {limit.Limit} ({limit.Place}): {limit.Test}{(limit.Counts == LimitSubject.Asks ? ", of requests raised" : "")}");
    }

    private static string Bearing(RuleView rule) => rule switch
    {
        { Decided: true } => "decides",
        { Applied: true } => "applies, and another rule decides",
        { Who: Truth.False } => "not about this caller",
        { When: Truth.False } => "its conditions do not hold",
        _ => "cannot be told to apply",
    };
}
