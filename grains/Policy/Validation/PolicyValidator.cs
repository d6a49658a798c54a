using JitGrains.Policy.Loading;

namespace JitGrains.Policy.Validation;

/// <summary>Checks what only shows when the parts are seen together.</summary>
internal static class PolicyValidator
{
    public static void Validate(BoundPolicy policy)
    {
        ApiValidator.Validate(policy);
        foreach (var api in policy.Apis)
            ActionValidator.Validate(api);
        RuleValidator.Validate(policy);
        ShadowValidator.Validate(policy);
        foreach (var rule in policy.Rules)
            QuorumValidator.Validate(policy, rule);
    }
}
