using JitGrains.Policy;
using JitGrains.Identity;
using JitGrains.Approvals;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.RequestPath;
using JitGrains.Grants;
using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Grants;

/// <summary>Which of a caller's grants a call runs under. Allocates nothing. Thread-safe.</summary>
internal sealed class GrantChoice(RestrictionsCopy restrictions, IStoreEpoch epoch, StoreTime time)
{
    /// <summary>One that covers the call, or null. One that costs no use comes first, then the one that ends first, which is the order of the view.</summary>
    /// <param name="snapshot">The caller's grants.</param>
    /// <param name="bound">The call.</param>
    /// <param name="terms">What the rule demands of a grant now.</param>
    /// <param name="onlyRequest">Only the grant of this approval request counts, where given.</param>
    public Grant? Of(GrantsSnapshot snapshot, BoundCall bound, ApprovalTerms terms, string? onlyRequest) =>
        Of(snapshot, bound.Call.Caller, bound.Call.Match, bound.PayloadDigest, terms, onlyRequest);

    /// <summary>The same of a call that is not there yet: its caller, its action and resource, and its digest where the action binds the payload.</summary>
    public Grant? Of(GrantsSnapshot snapshot, Caller caller, ActionMatch.Found match, string? payloadDigest, ApprovalTerms terms, string? onlyRequest)
    {
        Grant? best = null;
        var now = time.GetUtcNow();
        var held = snapshot.Held.AsSpan();
        for (var i = 0; i < held.Length; i++)
        {
            if (held[i].Action != match.Action.Name || held[i].UsesLeft is <= 0)
                continue;
            var grant = held[i].Grant;
            if ((onlyRequest is not null && grant.RequestId != onlyRequest) || !Covers(snapshot, i, caller, match, payloadDigest, terms, now))
                continue;
            if (grant.Uses is null)
                return grant;
            best ??= grant;
        }

        return best;
    }

    private bool Covers(GrantsSnapshot snapshot, int place, Caller caller, ActionMatch.Found match, string? payloadDigest, ApprovalTerms terms, DateTimeOffset now)
    {
        var grant = snapshot.Held[place].Grant;
        return grant.Covers(match.Action.Name, match.Resource, payloadDigest)
            && grant.Api == match.Api.Name
            && grant.Binding == match.Action.Binding
            && grant.Epoch == epoch.Current
            // Its start is the approval, and it exists only since.
            && now < grant.ExpiresAt
            && !restrictions.Current.IsRevoked(grant)
            && snapshot.StillStands(place, terms, caller);
    }
}
