using JitGrains.Approvals;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Holds;

/// <summary>
/// Tells the other processes what callers wait for there: a request that was decided, a grant that came to be. Only to wake
/// them: what they then do, they read. Thread-safe.
/// </summary>
internal sealed class ClusterNews : ICommitNews
{
    public IEnumerable<BusMessage> Of(IReadOnlyList<OutboxMessage> messages)
    {
        foreach (var message in messages)
        {
            switch (message)
            {
                case OutboxMessage.ShowRequest { Request: { Status: not RequestStatus.Pending } request }:
                    yield return new BusMessage(BusTopics.Decided, request.Id);
                    break;
                case OutboxMessage.ShowGrant { Grant: var grant, Whole: var signed } when DecisionHub.IsNew(grant):
                    yield return new BusMessage(BusTopics.View, grant.CallerKey, GrantNews.Print(grant.RequestId, signed));
                    break;
                default:
                    break;
            }
        }
    }
}
