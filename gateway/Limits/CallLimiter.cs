using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.Silo.Limits;
using Microsoft.Extensions.ObjectPool;

namespace JitGrains.Gateway.Limits;

/// <summary>Begins what limits take from calls. Thread-safe; allocates nothing once it runs.</summary>
internal sealed class CallLimiter
{
    private readonly ObjectPool<CallLimits> pool;

    public CallLimiter(Limiting limiting, LimitJournal journal)
    {
        (Limiting, Journal) = (limiting, journal);
        pool = new DefaultObjectPool<CallLimits>(new Policy(this), maximumRetained: 4096);
    }

    public Limiting Limiting { get; }

    public LimitJournal Journal { get; }

    /// <summary>A call's limits, to be disposed of when the call is over in any way; null where policy limits no calls.</summary>
    public CallLimits? Begin(HttpContext context, CompiledPolicy policy)
    {
        var set = Limiting.For(policy);
        if (!set.LimitsCalls)
            return null;
        var call = pool.Get();
        call.Begin(context, set);
        return call;
    }

    internal void Return(CallLimits call) => pool.Return(call);

    private sealed class Policy(CallLimiter owner) : PooledObjectPolicy<CallLimits>
    {
        public override CallLimits Create() => new(owner);

        public override bool Return(CallLimits obj) => true;
    }
}
