using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Network;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Telemetry;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.Limits;

/// <summary>The rate limits of this process, as the policy in force has them. Thread-safe.</summary>
public sealed class Limiting
{
    private readonly IPolicyProvider policies;
    private readonly SiloOptions options;
    private readonly LimitMetrics metrics;
    private readonly TimeProvider time;
    private readonly long began;
    private readonly Lock gate = new();
    private readonly ConditionalWeakTable<CompiledPolicy, LimitSet> sets = [];
    private LimitSet? latest;

    internal Limiting(IPolicyProvider policies, SiloOptions options, LimitMetrics metrics, TimeProvider time)
    {
        (this.policies, this.options, this.metrics, this.time) = (policies, options, metrics, time);
        began = time.GetTimestamp();
        metrics.Show(() => Volatile.Read(ref latest)?.All ?? []);
    }

    /// <summary>The time in which limits count: it never goes back, whatever is done to the wall clock.</summary>
    public long Now => LimitClock.Fine(time.GetElapsedTime(began));

    /// <summary>The limits of a policy. One read of memory for the policy in force.</summary>
    public LimitSet For(CompiledPolicy policy) =>
        Volatile.Read(ref latest) is { } set && ReferenceEquals(set.Policy, policy) ? set : Find(policy);

    /// <summary>
    /// Why somebody at this address may not authenticate at the moment, or null. Nothing is taken by asking, so tokens that
    /// are good cost nothing; what is being checked meanwhile may each fail once more.
    /// </summary>
    public Problem? TooManyFailures(HttpContext context)
    {
        var refused = For(policies.Current).Look(LimitSubject.FailedAuthentication, new LimitedCall(ClientAddress.Of(context)), Now);
        return refused.IsDefaultOrEmpty ? null : Refuse(refused);
    }

    /// <summary>Somebody at this address failed to authenticate.</summary>
    public void Failed(HttpContext context) =>
        new LimitTakes().TryTake(For(policies.Current).Of(LimitSubject.FailedAuthentication), new LimitedCall(ClientAddress.Of(context)), Now, out _);

    /// <summary>Counts what is neither a call nor held; why there may be no more of it, or null.</summary>
    public Problem? Take(LimitSubject subject, HttpContext context, Caller? caller)
    {
        var limits = For(policies.Current).Of(subject);
        return limits.IsEmpty || new LimitTakes().TryTake(limits, new LimitedCall(ClientAddress.Of(context), caller), Now, out var refused) ? null : Refuse(refused);
    }

    /// <summary>The answer to what limits refuse, which is counted.</summary>
    public Problem Refuse(ImmutableArray<LimitStanding> refused)
    {
        metrics.Refused(refused, "refused");
        return LimitProblems.Of(refused);
    }

    /// <summary>Limits would have refused a call of an API that only observes.</summary>
    public void Observed(ImmutableArray<LimitStanding> refused) => metrics.Refused(refused, "observed");

    private LimitSet Find(CompiledPolicy policy)
    {
        lock (gate)
        {
            if (!sets.TryGetValue(policy, out var set))
            {
                // Also for a policy that has been replaced meanwhile: a call that began under it ends under it.
                set = LimitSet.Of(policy, latest, options.LimitCapacity);
                sets.Add(policy, set);
            }

            if (ReferenceEquals(policy, policies.Current))
                Volatile.Write(ref latest, set);
            return set;
        }
    }
}
