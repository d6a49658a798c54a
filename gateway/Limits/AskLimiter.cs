using System.Collections.Immutable;
using JitGrains.Limits;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.Limits;

/// <summary>Limits on raising approval requests, so that nobody floods approvers. Thread-safe.</summary>
internal sealed class AskLimiter(Limiting limiting, LimitJournal journal, IPolicyProvider policies)
{
    /// <summary>Takes what one ask needs; what is refused is in <paramref name="refused"/>.</summary>
    public bool TryTake(LimitTakes takes, in LimitedCall call, out ImmutableArray<LimitStanding> refused)
    {
        var limits = limiting.For(policies.Current).Of(LimitSubject.Asks);
        refused = default;
        return limits.IsEmpty || takes.TryTake(limits, call, limiting.Now, out refused);
    }

    /// <summary>The answer to what is refused.</summary>
    public Problem Refuse(ImmutableArray<LimitStanding> refused, in LimitedCall call)
    {
        foreach (var standing in refused)
            journal.Note(standing.Limit.Definition.Name, call.Caller!, call.Api);
        return limiting.Refuse(refused);
    }
}
