using System.Collections.Immutable;

namespace JitGrains.Policy;

/// <summary>Runs cases against a policy. Pure, stateless and thread-safe.</summary>
public static class PolicyCaseRunner
{
    /// <summary>Every case's result, in order.</summary>
    public static ImmutableArray<PolicyCaseResult> Run(CompiledPolicy policy, IEnumerable<PolicyCase> cases) =>
        [.. cases.Select(c => Run(policy, c))];

    private static PolicyCaseResult Run(CompiledPolicy policy, PolicyCase one)
    {
        var result = policy.Ask(one.Probe);
        var (outcome, automatic) = result.Decision switch
        {
            PolicyDecision.Allow => (ExpectedOutcome.Allow, false),
            PolicyDecision.Approve approve => (ExpectedOutcome.Approve, approve.Terms.Automatic),
            _ => (ExpectedOutcome.Deny, false),
        };
        var passed = outcome == one.Expect
            && (one.Rule is null || one.Rule == result.Decision.Rule)
            && (one.Automatic is null || one.Automatic == automatic)
            && (one.Refusal is null || one.Refusal == result.EarlyCode)
            && (one.Limits.IsDefault || one.Limits.ToHashSet(StringComparer.Ordinal).SetEquals(result.Limits.Select(x => x.Definition.Name)));
        return new PolicyCaseResult(one, passed, Show(outcome, automatic, result), result);
    }

    private static string Show(ExpectedOutcome outcome, bool automatic, PolicyProbeResult result)
    {
        var why = result switch
        {
            { EarlyCode: { } code } => $" ({code})",
            { Decision.Rule: { } rule } => $" by {rule}",
            { Match: ActionMatch.Found } => " (no rule)",
            { Match: ActionMatch.NoApi { UnknownHost: true } } => " (unknown host)",
            _ => " (no action)",
        };
        if (!result.Limits.IsEmpty)
            why += $", limited by {string.Join(", ", result.Limits.Select(l => l.Definition.Name))}";
        return $"{(automatic ? "automatic " : "")}{outcome.ToString().ToLowerInvariant()}{why}";
    }
}
