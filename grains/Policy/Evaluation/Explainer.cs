using System.Collections.Immutable;
using JitGrains.Policy.Conditions;

namespace JitGrains.Policy.Evaluation;

/// <summary>Says how each rule came to bear on a decision.</summary>
internal static class Explainer
{
    public static PolicyExplanation Explain(Evaluator evaluator, string version, PolicyInput input)
    {
        var decision = evaluator.Evaluate(input);
        var context = Evaluator.ContextOf(input);
        return new PolicyExplanation(decision, version, [.. evaluator.Rules.Select(r => Explain(r, input, context, decision))]);
    }

    private static RuleExplanation Explain(CompiledRule rule, PolicyInput input, in ConditionContext context, PolicyDecision decision)
    {
        var explanation = new RuleExplanation
        {
            Rule = rule.Name,
            Effect = rule.Effect,
            Place = rule.Place,
            SelectsAction = rule.Actions.Selects(input.Action),
        };
        if (!explanation.SelectsAction)
            return explanation;
        var applies = Evaluator.Applies(rule, context);
        var signedIn = rule.IsSignedIn(context);
        var applied = rule.Effect == RuleEffect.Allow ? applies == Truth.True && signedIn : applies != Truth.False;
        return explanation with
        {
            Who = rule.Who.Evaluate(context),
            When = rule.When.Evaluate(context),
            Applied = applied,
            Decided = applied && decision.Rule is not null && decision.Rule.Split('+').Contains(rule.Name, StringComparer.Ordinal),
            Conditions =
            [
                .. Conditions("who", rule.Who.Claims, context),
                .. Conditions("when", rule.When, context),
                .. rule.SignIn is { } demand ? [new ConditionExplanation("sign_in", demand.ToString(), signedIn.ToTruth(), null)] : Array.Empty<ConditionExplanation>(),
                .. Conditions("approve.auto", rule.Approve?.Auto ?? ConditionSet.Empty, context),
            ],
        };
    }

    private static ImmutableArray<ConditionExplanation> Conditions(string at, ConditionSet set, in ConditionContext context)
    {
        var all = ImmutableArray.CreateBuilder<ConditionExplanation>(set.Conditions.Length);
        foreach (var condition in set.Conditions)
        {
            var result = condition.Evaluate(context, out var problem);
            all.Add(new ConditionExplanation($"{at}.{condition.Path}", condition.ToString(), result, problem));
        }

        return all.ToImmutable();
    }
}
