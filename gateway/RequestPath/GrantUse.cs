using System.Diagnostics.CodeAnalysis;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Gateway.Injection;
using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.RequestPath;

/// <summary>
/// Runs calls under grants. A many-use grant is checked in memory and journaled; a use of a counted one is taken in the
/// principal's grain, in one transaction with its audit entry, before the first upstream byte. Thread-safe.
/// </summary>
internal sealed class GrantUse(
    GrantViews views,
    GrantChoice choice,
    ExecutionRegistry registry,
    CallRunner runner,
    OutcomeRecorder outcomes,
    GatewayJournal journal,
    IGatewayLease lease,
    RestrictionsCopy restrictions,
    IStoreEpoch epoch,
    Redecision policy,
    IGrainFactory grains,
    StoreGuard store,
    IIdGenerator ids,
    GatewayOptions options,
    GatewayMetrics metrics,
    StoreTime time)
{
    private const int Attempts = 8;

    /// <summary>
    /// Runs the call under a grant that covers it, or answers why its use was refused; false where there is no such grant.
    /// </summary>
    /// <param name="bound">The call.</param>
    /// <param name="rule">What the policy that the call was matched by demands of a grant.</param>
    /// <param name="onlyRequest">Only the grant of this approval request counts, where given.</param>
    public async Task<bool> TryRun(BoundCall bound, PolicyDecision.Approve rule, string? onlyRequest)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var snapshot = await views.Get(bound.Call.Caller);
            if (choice.Of(snapshot, bound, rule.Terms, onlyRequest) is not { } grant)
                return false;
            if (grant.Uses is null ? await RunMany(bound, rule, grant, snapshot) : await RunCounted(bound, grant))
                return true;
            views.Drop(bound.Call.Caller.Key);
        }

        throw new TimeoutException("The caller's grants changed faster than one could be used.");
    }

    /// <summary>
    /// Runs the call under a many-use grant where all that it takes is at hand; false where it is not, and <see cref="TryRun(BoundCall, PolicyDecision.Approve, string?)"/>
    /// is to be asked. Nothing here waits: most calls under grants are of this kind, and each method that waits costs a call an object and a step.
    /// </summary>
    public bool TryRunAtOnce(BoundCall bound, PolicyDecision.Approve rule, string? onlyRequest, [NotNullWhen(true)] out Task? run)
    {
        run = null;
        if (views.Find(bound.Call.Caller) is not { } snapshot
            || choice.Of(snapshot, bound, rule.Terms, onlyRequest) is not { Uses: null } grant
            || journal.TryBegin(About(bound.Call, rule, grant)) is not { } ticket)
        {
            return false;
        }

        metrics.ViewLookup(hit: true);
        return TryStart(bound.Call, grant, snapshot, ticket, out run);
    }

    /// <summary>
    /// The same under a counted grant that has just come to be, as news brought it: whether it stands its holder's grain says, which
    /// is asked for the use in any case. False where it takes another look.
    /// </summary>
    public async Task<bool> TryRun(BoundCall bound, PolicyDecision.Approve rule, Grant told) =>
        told.Uses is not null
        && views.Check(bound.Call.Caller, told) is { } snapshot
        && choice.Of(snapshot, bound, rule.Terms, told.RequestId) is { } grant
        && await RunCounted(bound, grant);

    /// <summary>A grant that a call of this kind could run under now, ahead of any call; null where there is none.</summary>
    /// <param name="caller">Whose.</param>
    /// <param name="match">The action, which does not bind the payload, and the resource.</param>
    /// <param name="terms">What the rule demands of a grant now.</param>
    /// <param name="onlyRequest">Only the grant of this approval request counts, where given.</param>
    /// <param name="anew">Whether what is remembered may be behind.</param>
    public async Task<Grant?> Find(Caller caller, ActionMatch.Found match, ApprovalTerms terms, string? onlyRequest, bool anew)
    {
        if (anew)
            views.Drop(caller.Key);
        return choice.Of(await views.Get(caller), caller, match, payloadDigest: null, terms, onlyRequest);
    }

    private async Task<bool> RunMany(BoundCall bound, PolicyDecision.Approve rule, Grant grant, GrantsSnapshot snapshot)
    {
        var call = bound.Call;
        if (await journal.Begin(About(call, rule, grant), call.Context.RequestAborted) is not { } ticket)
        {
            await Answers.Refuse(call.Context, RequestPipeline.JournalFull, call.Api);
            return true;
        }

        if (!TryStart(call, grant, snapshot, ticket, out var run))
            return false;
        await run;
        return true;
    }

    /// <summary>Starts it, with its place in the journal; false where the caller's grants have changed meanwhile, and the place is given up.</summary>
    private bool TryStart(Call call, Grant grant, GrantsSnapshot snapshot, JournalTicket ticket, [NotNullWhen(true)] out Task? run)
    {
        run = null;
        Execution? execution = null;
        var isStarted = false;
        try
        {
            execution = registry.Register(call.Caller, grant, call.Action.Drain);
            if (!snapshot.IsCurrent)
                return false;
            execution.EndAt(grant.ExpiresAt, ForwardErrors.GrantEnded, time);
            isStarted = true;
            // Both are the runner's from here.
            run = runner.RunOnRecord(call, execution, "many_use", new JournaledCall(ticket, AuditTypes.CallForwarded), () => MayStart(call, grant, time.GetTimestamp()));
            return true;
        }
        finally
        {
            if (!isStarted)
            {
                execution?.Dispose();
                ticket.Dispose();
            }
        }
    }

    private static CallFacts About(Call call, PolicyDecision.Approve rule, Grant grant) =>
        call.About(rule) with { Request = grant.RequestId, Grant = grant.Id };

    private async Task<bool> RunCounted(BoundCall bound, Grant grant)
    {
        var call = bound.Call;
        // Nothing is used up for a caller that has left.
        if (call.Context.RequestAborted.IsCancellationRequested)
            return true;
        // Nor for an upstream that gets no calls now.
        if (!runner.HasUpstream(call))
        {
            await Answers.Refuse(call.Context, GatewayProblems.NoUpstream, call.Api);
            return true;
        }

        if (!await runner.CanAdd(call, grant))
        {
            await Answers.Refuse(call.Context, CallAdditions.Unavailable, call.Api);
            return true;
        }

        using var execution = registry.Register(call.Caller, grant, call.Action.Drain);
        var id = ids.NewExecutionId();
        var taken = await Consume(bound, grant, id, execution.Incarnation);
        if (taken.Value is not { } use)
        {
            // Whoever was faster took it: say so. Otherwise what was remembered is out of date: look again.
            if (taken.Refusal is not Refusal.AlreadyUsed used)
                return false;
            views.Drop(call.Caller.Key);
            await Answers.Refuse(call.Context, GatewayProblems.AlreadyUsed(used.RequestId, used.LastExecution, time), call.Api);
            return true;
        }

        // Where the turn ran in another process, nobody else tells this one that the grant is used up.
        if (grant.Uses == 1)
            views.Drop(call.Caller.Key);
        ExecutionOutcome? outcome = null;
        try
        {
            outcome = await RunUse(bound, grant, use, execution);
        }
        finally
        {
            outcome ??= execution.Call is null ? new ExecutionOutcome(ExecutionStatus.Failed, null, "not-started", use.StartedAt, use.StartedAt, 0, 0) : runner.Broken(use.StartedAt);
            var known = new OutcomeCommand(id, outcome with { EndedAt = time.GetUtcNow() });
            // Whoever has uses left is likely to take the next: one turn then does for both.
            if (grant.Uses > 1)
                outcomes.RecordSoon(call.Caller.Key, known);
            else
                await outcomes.Record(call.Caller.Key, known);
        }

        return true;
    }

    private async Task<ExecutionOutcome> RunUse(BoundCall bound, Grant grant, ExecutionRecord use, Execution execution)
    {
        var started = time.GetTimestamp();
        var (call, decision) = policy.Of(bound.Call);
        if (decision is not PolicyDecision.Approve now || !Quorum.StillStands(grant, now.Terms, call.Caller.Involved))
        {
            await Answers.Refuse(call.Context, GatewayProblems.OfDeny(decision, "Policy has changed since the call was approved; it has not run."), call.Api);
            return new ExecutionOutcome(ExecutionStatus.Failed, null, "policy-changed", use.StartedAt, time.GetUtcNow(), 0, 0);
        }

        execution.EndAt(grant.ExpiresAt, ForwardErrors.GrantEnded, time);
        var outcome = await runner.Run(call, execution, "counted", use.StartedAt, () => MayStart(call, grant, started));
        await Finish(call.Context);
        return outcome;
    }

    private Task<Reply<ExecutionRecord>> Consume(BoundCall bound, Grant grant, string id, string incarnation)
    {
        metrics.StoreWait("use");
        return store.Ask(bound.Call.Caller.Key, () => Take(bound, grant, id, incarnation));
    }

    private async Task<Reply<ExecutionRecord>> Take(BoundCall bound, Grant grant, string id, string incarnation)
    {
        var call = bound.Call;
        var began = time.GetTimestamp();
        var earlier = outcomes.TakeAlong(call.Caller.Key);
        var recorded = false;
        try
        {
            var reply = await grains.GetGrain<IPrincipalGrain>(call.Caller.Key).Consume(new ConsumeCommand(
                id, grant.Id, incarnation, call.Action.Name, call.Match.Resource, bound.PayloadDigest, bound.RejoinKey, call.Policy.Version, call.Caller.Only?.TokenId)
            {
                Outcomes = earlier,
            });
            recorded = true;
            metrics.Consumed(time.GetElapsedTime(began), reply.Value is null);
            return reply;
        }
        catch
        {
            // It may or may not have been taken; the call does not run either way, and that is what is recorded.
            var now = time.GetUtcNow();
            outcomes.RecordLater(call.Caller.Key, new OutcomeCommand(id, new ExecutionOutcome(ExecutionStatus.Failed, null, "not-started", now, now, 0, 0)));
            throw;
        }
        finally
        {
            outcomes.WereTaken(call.Caller.Key, earlier, recorded);
        }
    }

    /// <summary>
    /// The last check before the first upstream byte. Whatever else can take the right away finds the execution in the registry.
    /// </summary>
    private string? MayStart(Call call, Grant grant, long since)
    {
        var known = restrictions.Current;
        if (known.IsBlocked(call.Caller))
            return ForwardErrors.Blocked;
        if (known.IsRevoked(grant) || grant.Epoch != epoch.Current)
            return ForwardErrors.GrantEnded;
        if (!policy.StillStands(call, grant))
            return ForwardErrors.PolicyChanged;
        if (time.GetElapsedTime(since) > options.StartWithin)
            return ForwardErrors.StartedLate;
        if (time.GetUtcNow() >= grant.ExpiresAt)
            return ForwardErrors.GrantEnded;
        // The last of all: it is what the others rest on.
        return lease.IsLive ? null : ForwardErrors.LeaseLost;
    }

    /// <summary>The caller has its whole answer before the outcome is written: it need not wait for that.</summary>
    [SuppressMessage("Design", "CA1031", Justification = "A caller that is gone changes nothing about the outcome.")]
    private static async Task Finish(HttpContext context)
    {
        try
        {
            if (!context.RequestAborted.IsCancellationRequested && context.Response.StatusCode != StatusCodes.Status101SwitchingProtocols)
                await context.Response.CompleteAsync();
        }
        catch (Exception)
        {
            // The caller is gone.
        }
    }
}
