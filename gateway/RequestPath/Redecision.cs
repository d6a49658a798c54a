using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Policy;
using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.RequestPath;

/// <summary>
/// Holds what was decided against the policy in force now: another may have come into force while a call was held, or since
/// it was decided a moment ago. Costs nothing while the policy is the same. Thread-safe.
/// </summary>
internal sealed class Redecision(IPolicyProvider policies, TimeProvider time)
{
    /// <summary>What the current policy says of the call.</summary>
    public (Call Call, PolicyDecision Decision) Of(Call call)
    {
        var policy = policies.Current;
        var now = time.GetUtcNow();
        if (ReferenceEquals(policy, call.Policy))
            return (call, policy.Evaluate(call.InputAt(now)));
        // What it would look at is no longer there.
        if (call.IsTokenForgotten && policy.ReadsAuthorization)
            return (call with { Policy = policy }, new PolicyDecision.Deny(Rule: null));
        if (policy.Match(call.Request, call.Json) is not ActionMatch.Found found || !IsSameThing(call.Match, found) || !policy.Admits(found.Api, call.Origin) || !found.Api.IsAudienceOf(call.Caller))
            return (call with { Policy = policy }, new PolicyDecision.Deny(Rule: null));
        var current = call with { Policy = policy, Match = found };
        return (current, policy.Evaluate(current.InputAt(now)));
    }

    /// <summary>Whether a call that was allowed still is; for one that is only observed, whether its API still only observes.</summary>
    public bool StillForwards(Call call)
    {
        if (ReferenceEquals(policies.Current, call.Policy))
            return true;
        return call.Api.Mode == ApiMode.Observe
            ? policies.Current.Outline(call.Request).Api is { Mode: ApiMode.Observe } api && api.Name == call.Api.Name
            : Of(call).Decision is PolicyDecision.Allow;
    }

    /// <summary>Whether the grant that a call is about to run under still stands.</summary>
    public bool StillStands(Call call, Grant grant) =>
        ReferenceEquals(policies.Current, call.Policy)
        || (Of(call).Decision is PolicyDecision.Approve now && Quorum.StillStands(grant, now.Terms, call.Caller.Involved));

    /// <summary>Another policy may see another action in a call, or bind it otherwise; a grant is for what was approved.</summary>
    private static bool IsSameThing(ActionMatch.Found then, ActionMatch.Found now) =>
        now.Api.Name == then.Api.Name
        && now.Action.Name == then.Action.Name
        && now.Resource == then.Resource
        && now.Action.Binding == then.Action.Binding
        && now.Api.ForwardAuthorization == then.Api.ForwardAuthorization
        && now.Api.Credential?.HeaderName == then.Api.Credential?.HeaderName
        && now.Action.UnboundHeaders.SequenceEqual(then.Action.UnboundHeaders);
}
