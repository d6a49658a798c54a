using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Leases;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;

namespace JitGrains.Gateway.Executions;

/// <summary>
/// The executions that are under way, so that what ends their right to run reaches them. Whoever relies on something
/// remembered registers first and then checks that it is still current; what ends it drops it first and then ends what is
/// registered. So one of the two sees the other. Thread-safe.
/// </summary>
internal sealed class ExecutionRegistry : IInvalidationTarget, ICommitObserver, IDisposable
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How long an execution whose action drains may take to show that its first byte went out, before it is cut like one
    /// that did not begin.
    /// </summary>
    private static readonly TimeSpan ShowStart = TimeSpan.FromMilliseconds(150);

    private readonly ExecutionStripe[] stripes = [.. Enumerable.Range(0, 64).Select(_ => new ExecutionStripe())];
    private readonly GrantViews views;
    private readonly IGatewayLease lease;
    private readonly LeaseTime time;
    private readonly ITimer look;
    private readonly Action watched;
    private int willLook;

    public ExecutionRegistry(GrantViews views, IGatewayLease lease, LeaseTime time)
    {
        (this.views, this.lease, this.time) = (views, lease, time);
        look = time.Provider.CreateTimer(static me => ((ExecutionRegistry)me!).LookAtDeadlines(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        watched = LookSoon;
    }

    /// <summary>How many are under way.</summary>
    public int Count => stripes.Sum(s => s.Count);

    /// <summary>Registers an execution; dispose it when it is over.</summary>
    /// <param name="caller">Whose call it is.</param>
    /// <param name="grant">The grant it runs under, or null where an allow rule lets it.</param>
    /// <param name="drain">Whether it outlives its grant and token once started.</param>
    public Execution Register(Caller caller, Grant? grant, bool drain)
    {
        var execution = new Execution(caller, grant, drain, lease.Incarnation, watched);
        StripeOf(execution.CallerKey).Add(execution);
        return execution;
    }

    /// <inheritdoc/>
    public async ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
    {
        switch (what)
        {
            case Invalidation.Grants grants:
                views.Drop(grants.CallerKey);
                await End(OfGrants(grants.CallerKey, grants.GrantIds), ForwardErrors.GrantEnded, grants.Terminate, cancellationToken);
                break;
            case Invalidation.Everything:
                views.DropAll();
                await KillUnstarted();
                break;
            default:
                break;
        }
    }

    /// <summary>Ends every execution that matches; completes once none of them can start any more.</summary>
    public Task EndWhere(Func<Execution, bool> matches, string because, bool terminate, CancellationToken cancellationToken) =>
        End(Where(matches), because, terminate, cancellationToken);

    /// <summary>
    /// Ends what relies on the lease and has not started. Completes once none of it can start any more.
    /// </summary>
    public Task KillUnstarted()
    {
        var killed = Where(static e => e.Grant is not null);
        foreach (var execution in killed)
            execution.Kill(ForwardErrors.LeaseLost);
        return Task.WhenAll(killed.Select(e => e.WhenSettled()));
    }

    /// <summary>
    /// Of what was let through and has not shown its first byte, ends what does not stand; completes once it is known for
    /// each of these whether it went out. What was not let through yet is for the last check.
    /// </summary>
    public Task CutUnstarted(Func<Execution, bool> stands, string because)
    {
        var cut = Where(static e => e.IsUnsettled).Where(e => !stands(e)).ToList();
        foreach (var execution in cut)
            execution.Kill(because);
        return Task.WhenAll(cut.Select(e => e.WhenSettled()));
    }

    /// <summary>Whether executions are under way that began under this incarnation.</summary>
    public bool HasAnyOf(string incarnation) => Where(e => e.Grant is not null && e.Incarnation == incarnation).Count > 0;

    /// <summary>
    /// Ends executions whose grants were taken away while nobody could tell this gateway. Those of grants that are used up
    /// or have expired go on: the one is what they are, and the other they watch themselves.
    /// </summary>
    public async Task Recheck(IReadModel readModel, CancellationToken cancellationToken)
    {
        foreach (var byGrant in Where(static e => e.Grant is not null).GroupBy(e => e.Grant!.Id, StringComparer.Ordinal))
        {
            if (await readModel.GetGrantAsync(byGrant.Key, cancellationToken) is { Status: GrantStatus.Active or GrantStatus.Consumed or GrantStatus.Expired })
                continue;
            foreach (var execution in byGrant)
                execution.End(ForwardErrors.GrantEnded);
        }
    }

    /// <inheritdoc/>
    public void Committed(GrainId source, IReadOnlyList<OutboxMessage> messages)
    {
        List<string>? ended = null;
        foreach (var message in messages)
        {
            if (message is not OutboxMessage.ShowGrant { Grant: var grant })
                continue;
            // A use that leaves others changes nothing that a view is asked for: the grain counts, the view only says which
            // grants there are. Dropping it would have every other call of the principal read it anew.
            if (grant is { Status: GrantStatus.Active, UsesLeft: not null } && grant.UsesLeft != grant.Uses)
                continue;
            views.Drop(grant.CallerKey);
            // A consumed grant ends with its last use, which is itself under way; expiry is the execution's own deadline.
            if (grant.Status is GrantStatus.Revoked or GrantStatus.Released)
                (ended ??= []).Add(grant.Id);
            if (ended is not null)
            {
                foreach (var execution in OfGrants(grant.CallerKey, ended))
                    execution.End(ForwardErrors.GrantEnded);
            }
        }
    }

    public void Dispose() => look.Dispose();

    private void LookSoon()
    {
        if (Volatile.Read(ref willLook) == 0 && Interlocked.Exchange(ref willLook, 1) == 0)
            look.Change(BetweenLooks, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Once a second while something with a deadline is under way.</summary>
    private void LookAtDeadlines()
    {
        // Before looking: whoever comes while this looks has it look again.
        Volatile.Write(ref willLook, 0);
        var watch = false;
        foreach (var execution in Where(static _ => true))
            watch |= execution.ArmIfNear();
        if (watch)
            LookSoon();
    }

    private async Task End(List<Execution> reached, string because, bool terminate, CancellationToken cancellationToken)
    {
        foreach (var execution in reached)
            execution.End(because, terminate);
        var settled = Task.WhenAll(reached.Select(e => e.WhenSettled()));
        if (settled.IsCompleted)
            return;
        try
        {
            await settled.WaitAsync(ShowStart, time.Provider, cancellationToken);
        }
        catch (TimeoutException)
        {
            foreach (var execution in reached)
                execution.Kill(because);
            await settled.WaitAsync(cancellationToken);
        }
    }

    private ExecutionStripe StripeOf(string callerKey) => stripes[(uint)callerKey.GetHashCode(StringComparison.Ordinal) % (uint)stripes.Length];

    private List<Execution> OfGrants(string callerKey, IReadOnlyCollection<string> grantIds)
    {
        var found = new List<Execution>();
        StripeOf(callerKey).Collect(e => e.CallerKey == callerKey && e.Grant is { } grant && grantIds.Contains(grant.Id), found);
        return found;
    }

    private List<Execution> Where(Func<Execution, bool> matches)
    {
        var found = new List<Execution>();
        foreach (var stripe in stripes)
            stripe.Collect(matches, found);
        return found;
    }
}
