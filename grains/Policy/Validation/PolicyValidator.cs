using JitGrains.Policy.Loading;

namespace JitGrains.Policy.Validation;

/// <summary>Checks what only shows when the parts are seen together.</summary>
internal static class PolicyValidator
{
    public static void Validate(BoundPolicy policy)
    {
        var complete = !policy.Problems.HasErrors;
        ApiValidator.Validate(policy);
        foreach (var api in policy.Apis)
            ActionValidator.Validate(api);
        RuleValidator.Validate(policy);
        foreach (var rule in policy.Rules)
            QuorumValidator.Validate(policy, rule);
        LimitValidator.Validate(policy);

        // What never decides, or is never about anything, may be so only because of what could not be read.
        if (complete)
            ShadowValidator.Validate(policy);
    }
}
