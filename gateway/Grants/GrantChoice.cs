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
    /// <summary>One that covers the call, unpacked, or null. One that costs no use comes first, then the one that ends first, which is the order of the view.</summary>
    /// <param name="snapshot">The caller's grants.</param>
    /// <param name="bound">The call.</param>
    /// <param name="terms">What the rule demands of a grant now.</param>
    /// <param name="onlyRequest">Only the grant of this approval request counts, where given.</param>
    public Grant? Of(GrantsSnapshot snapshot, BoundCall bound, ApprovalTerms terms, string? onlyRequest) =>
        Of(snapshot, bound.Call.Caller, bound.Call.Match, bound.PayloadDigest, terms, onlyRequest);

    /// <summary>The same of a call that is not there yet: its caller, its action and resource, and its digest where the action binds the payload.</summary>
    public Grant? Of(GrantsSnapshot snapshot, Caller caller, ActionMatch.Found match, string? payloadDigest, ApprovalTerms terms, string? onlyRequest) =>
        Find(snapshot, caller, match, payloadDigest, terms, onlyRequest) is var place and >= 0 ? snapshot[place] : null;

    /// <summary>Its place in the order of the view, or -1.</summary>
    public int Find(GrantsSnapshot snapshot, Caller caller, ActionMatch.Found match, string? payloadDigest, ApprovalTerms terms, string? onlyRequest)
    {
        var best = -1;
        var (tag, known, now) = (PackedHead.Tag(match.Action.Name, match.Action.Binding, match.Resource), restrictions.Current, time.GetUtcNow());
        for (var next = snapshot.First(tag); next >= 0; next = snapshot.Next(next, tag))
        {
            if (!snapshot.Covers(next, match, payloadDigest, epoch.Current, now)
                || (onlyRequest is not null && !snapshot.IsOf(next, onlyRequest))
                || snapshot.IsRevoked(next, known)
                || !snapshot.StillStands(next, terms, caller))
            {
                continue;
            }

            if (snapshot.IsUnlimited(next))
                return snapshot.PlaceOf(next);
            if (best < 0)
                best = snapshot.PlaceOf(next);
        }

        return best;
    }
}
