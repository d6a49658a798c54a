using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Grants;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;

namespace JitGrains.Gateway.Executions;

/// <summary>
/// The executions that are under way, by caller and grant, so that what ends a grant reaches them. Whoever relies on a
/// remembered view registers first and then checks that the view is still current; what ends a grant drops the view first
/// and then ends what is registered. So one of the two sees the other. Thread-safe.
/// </summary>
internal sealed class ExecutionRegistry(GrantViews views) : IInvalidationTarget, ICommitObserver
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, HashSet<Execution>> byCaller = new(StringComparer.Ordinal);

    /// <summary>How many are under way.</summary>
    public int Count
    {
        get
        {
            lock (gate)
                return byCaller.Values.Sum(e => e.Count);
        }
    }

    /// <summary>Registers an execution; dispose it when it is over.</summary>
    public Execution Register(string callerKey, string grantId, bool drain)
    {
        var execution = new Execution(callerKey, grantId, drain, Remove);
        lock (gate)
        {
            if (!byCaller.TryGetValue(callerKey, out var executions))
                byCaller[callerKey] = executions = [];
            executions.Add(execution);
        }

        return execution;
    }

    /// <inheritdoc/>
    public ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
    {
        if (what is Invalidation.Grants grants)
        {
            views.Drop(grants.CallerKey);
            EndGrants(grants.CallerKey, grants.GrantIds);
        }

        return ValueTask.CompletedTask;
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
                EndGrants(grant.CallerKey, ended);
        }
    }

    private void EndGrants(string callerKey, IReadOnlyCollection<string> ended)
    {
        Execution[] reached;
        lock (gate)
        {
            reached = byCaller.TryGetValue(callerKey, out var executions)
                ? [.. executions.Where(e => ended.Contains(e.GrantId!))]
                : [];
        }

        foreach (var execution in reached)
            execution.End(ForwardErrors.GrantEnded);
    }

    private void Remove(Execution execution)
    {
        lock (gate)
        {
            if (byCaller.TryGetValue(execution.CallerKey, out var executions) && executions.Remove(execution) && executions.Count == 0)
                byCaller.Remove(execution.CallerKey);
        }
    }
}
