using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.Policy.Conditions;

namespace JitGrains.Policy.Evaluation;

/// <summary>
/// Several approve rules at once: everything that any of them demands is demanded. Stages are joined (of two with the same
/// voters and sign-in the higher quorum), windows and uses are the least, the cooldown the longest, a reason is needed if one needs
/// it, and policy itself approves only where each of them does.
/// </summary>
internal static class ApproveUnion
{
    public static PolicyDecision Decide(ImmutableArray<CompiledRule> rules, in ConditionContext context)
    {
        var automatic = true;
        var hopeless = false;
        foreach (var rule in rules)
        {
            var approve = rule.Approve!;
            var approvesItself = approve.Auto is not null && approve.Auto.Evaluate(context) == Truth.True;
            automatic &= approvesItself;
            hopeless |= !approvesItself && approve.Terms.Stages.IsEmpty;
        }

        // A rule that only policy itself can approve, and does not: nobody could.
        if (hopeless)
            return new PolicyDecision.Deny(Name(rules));
        if (rules.Length == 1)
            return automatic ? rules[0].AutomaticDemand : rules[0].Demand;
        var terms = TermsOf(rules) with { Automatic = automatic };
        return new PolicyDecision.Approve(terms.Rule, terms);
    }

    private static string Name(ImmutableArray<CompiledRule> rules) => string.Join('+', rules.Select(r => r.Name));

    /// <summary>What these rules together demand and allow where policy itself does not approve.</summary>
    public static ApprovalTerms TermsOf(ImmutableArray<CompiledRule> rules)
    {
        if (rules.Length == 1)
            return rules[0].Approve!.Terms;
        var all = rules.Select(r => r.Approve!.Terms).ToArray();
        var maxUses = all.Min(t => t.MaxUses);
        var maxWindow = all.Min(t => t.MaxWindow);
        return new ApprovalTerms
        {
            Rule = Name(rules),
            PolicyVersion = all[0].PolicyVersion,
            Stages = JoinStages(rules),
            ReasonRequired = all.Any(t => t.ReasonRequired),
            MaxUses = maxUses,
            DefaultUses = all.Select(t => t.DefaultUses).Append(maxUses).Min(),
            MaxWindow = maxWindow,
            DefaultWindow = all.Min(t => t.DefaultWindow) is var window && window < maxWindow ? window : maxWindow,
            DecideWithin = all.Min(t => t.DecideWithin),
            DenialCooldown = all.Max(t => t.DenialCooldown),
        };
    }

    private static ImmutableArray<Stage> JoinStages(ImmutableArray<CompiledRule> rules)
    {
        var stages = new List<Stage>();
        foreach (var rule in rules)
        {
            var own = new List<Stage>();
            var met = new HashSet<int>();
            foreach (var stage in rule.Approve!.Terms.Stages)
            {
                // Two stages of one rule stay two, even with the same voters: there each needs its own people.
                var same = Enumerable.Range(0, stages.Count).FirstOrDefault(i => !met.Contains(i) && SameVoters(stages[i], stage), -1);
                if (!met.Add(same) || same < 0)
                    own.Add(stage with { Name = $"{rule.Name}/{stage.Name}" });
                else if (stages[same].Quorum < stage.Quorum)
                    stages[same] = stages[same] with { Quorum = stage.Quorum };
            }

            stages.AddRange(own);
        }

        return [.. stages];
    }

    private static bool SameVoters(Stage left, Stage right) =>
        SignInDemand.AreSame(left.SignIn, right.SignIn) && left.Groups.ToHashSet(StringComparer.Ordinal).SetEquals(right.Groups) && left.Principals.ToHashSet().SetEquals(right.Principals);
}
