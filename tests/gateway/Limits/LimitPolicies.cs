using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Limits;

/// <summary>Policies with limits.</summary>
internal static class LimitPolicies
{
    /// <summary>The orders policy with these limits, each on a line of its own.</summary>
    public static string Orders(params string[] limits) =>
        Policies.Orders + "\nlimits:\n" + string.Concat(limits.Select(l => $"  {l}\n"));
}
