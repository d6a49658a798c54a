using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Holds;

/// <summary>
/// Tells the other processes what callers wait for there: a request that was decided, a grant that came to be. Only to wake
/// them: what they then do, they read. Thread-safe.
/// </summary>
internal sealed class ClusterNews(IClusterBus bus) : ICommitObserver
{
    public void Committed(GrainId source, IReadOnlyList<OutboxMessage> messages)
    {
        foreach (var message in messages)
        {
            switch (message)
            {
                case OutboxMessage.ShowRequest { Request: { Status: not RequestStatus.Pending } request }:
                    bus.Publish(new BusMessage(BusTopics.Decided, request.Id));
                    break;
                // Uses and ends of grants are no news to wait for.
                case OutboxMessage.ShowGrant { Grant: { Status: GrantStatus.Active } grant } when grant.UsesLeft == grant.Uses:
                    bus.Publish(new BusMessage(BusTopics.View, grant.CallerKey));
                    break;
                default:
                    break;
            }
        }
    }
}
