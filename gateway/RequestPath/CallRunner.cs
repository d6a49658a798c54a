using JitGrains.Gateway.Injection;
using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Telemetry;
using JitGrains.Grants;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.RequestPath;

/// <summary>Forwards a call that may run, answers where that failed, and says what came of it. Decides nothing. Thread-safe.</summary>
internal sealed class CallRunner(UpstreamForwarder forwarder, CallAdditions additions, GatewayMetrics metrics, TimeProvider time)
{
    /// <summary>Whether there is an upstream to send the call to.</summary>
    public bool HasUpstream(Call call) => forwarder.HasUpstream(call.Api);

    /// <summary>Whether what the gateway adds to the call can be had: asked before a use is taken that would be lost.</summary>
    public async ValueTask<bool> CanAdd(Call call, Grant grant) => !call.Api.AddsToCalls || await additions.Make(call, grant) is not null;

    /// <summary>What is known of a call whose run threw: it may have reached the upstream.</summary>
    /// <param name="startedAt">When it began.</param>
    public ExecutionOutcome Broken(DateTimeOffset startedAt) => new(ExecutionStatus.Failed, null, ForwardErrors.GatewayFailed, startedAt, time.GetUtcNow(), 0, 0);

    /// <summary>
    /// Runs the call. Whatever the caller does meanwhile, it returns what came of the call; what throws here is a bug, and callers put
    /// <see cref="Broken"/> on record then.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="execution">Its right to run; what ends it ends the call.</param>
    /// <param name="kind">For metrics: <c>allow</c>, <c>observe</c>, <c>many_use</c> or <c>counted</c>.</param>
    /// <param name="startedAt">When it counts as started.</param>
    /// <param name="mayStart">The last check before the first upstream byte: null, or why not.</param>
    public Task<ExecutionOutcome> Run(Call call, Execution execution, string kind, DateTimeOffset startedAt, Func<string?> mayStart) =>
        Run(call, execution, kind, startedAt, mayStart, entry: null);

    /// <summary>The same of a call that no use is counted of: its entry is written and its right to run ends, whatever becomes of it.</summary>
    /// <param name="call">The call.</param>
    /// <param name="execution">Its right to run, which is disposed of.</param>
    /// <param name="kind">For metrics.</param>
    /// <param name="entry">Its entry in the journal.</param>
    /// <param name="mayStart">The last check before the first upstream byte: null, or why not.</param>
    public Task RunOnRecord(Call call, Execution execution, string kind, JournaledCall entry, Func<string?> mayStart) =>
        Run(call, execution, kind, entry.Ticket.StartedAt, mayStart, entry);

    private async Task<ExecutionOutcome> Run(Call call, Execution execution, string kind, DateTimeOffset startedAt, Func<string?> mayStart, JournaledCall? entry)
    {
        ExecutionOutcome? outcome = null;
        try
        {
            execution.Call = call;
            execution.EndAt(call.Caller.TokenExpiresAt, ForwardErrors.TokenEnded, time);
            call.Body?.PutBack(call.Context);
            Additions? added = null;
            if (call.Api.AddsToCalls && kind != "observe" && (added = await additions.Make(call, execution.Grant)) is null)
            {
                await Tell(call, CallAdditions.Unavailable);
                metrics.Executed(kind, ForwardErrors.NoCredential);
                return outcome = new ExecutionOutcome(ExecutionStatus.Failed, null, ForwardErrors.NoCredential, startedAt, time.GetUtcNow(), 0, 0);
            }

            var gate = new ExecutionGate(
                once: kind == "counted",
                () => execution.TryStart() ? (added is null ? null : additions.WhyStale(call)) ?? mayStart() : execution.EndedBy ?? ForwardErrors.GrantEnded,
                execution.Started,
                isRepeatable: call.Request.Method is "GET" or "HEAD" or "OPTIONS" or "PUT" or "DELETE");
            var forwarded = new ForwardedCall
            {
                Api = call.Api,
                Request = call.Request,
                Gate = gate,
                Additions = added,
                Private = kind is "counted" or "many_use",
                AllowedOrigin = Cors.AllowedOrigin(call.Context.Request.Headers, call.Api.Cors),
            };
            using var activity = GatewayMetrics.Activities.StartActivity("upstream");
            activity?.SetTag("jitgrains.action", call.Action.Name);
            var result = await forwarder.Forward(call.Context, forwarded, execution.Token);
            var error = result.Error == ForwardErrors.GrantEnded ? execution.EndedBy ?? result.Error : result.Error;
            if (error is not null && AnswerTo(error, gate.Started) is { } answer)
                await Tell(call, answer);
            metrics.Executed(kind, error ?? "completed");
            return outcome = new ExecutionOutcome(
                result.UpstreamStatus is null ? ExecutionStatus.Failed : ExecutionStatus.Completed,
                result.UpstreamStatus,
                error,
                startedAt,
                time.GetUtcNow(),
                result.RequestBytes,
                result.ResponseBytes);
        }
        finally
        {
            // What may have reached the upstream is on record whatever became of it here.
            if (entry is { } mine)
            {
                mine.Write(outcome ?? Broken(startedAt));
                execution.Dispose();
            }
        }
    }

    /// <summary>Answers a caller that may have left: what came of the call stays what it is, and goes on record.</summary>
    private static async Task Tell(Call call, Problem answer)
    {
        try
        {
            await Answers.Refuse(call.Context, answer, call.Api);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // Nobody is there to answer.
        }
    }

    private static Problem? AnswerTo(string error, bool started) => error switch
    {
        ForwardErrors.CallerLeft => null,
        ForwardErrors.CallerBody => Problems.BadRequest("body", "The body did not arrive whole."),
        ForwardErrors.GrantEnded => GatewayProblems.Denied("The grant ended while the call ran."),
        ForwardErrors.Blocked => Problems.Blocked,
        ForwardErrors.PolicyChanged when started => Problems.Unavailable("Another policy came into force while the call was on its way; it was cut off, and may have reached the upstream."),
        ForwardErrors.PolicyChanged => Problems.Unavailable("Another policy came into force while the call was on its way; it has not run. Send it again."),
        ForwardErrors.TokenEnded => GatewayProblems.Denied("The token ended while the call ran."),
        ForwardErrors.LeaseLost or ForwardErrors.StartedLate => Problems.Unavailable("The call could not start in time; it has not run."),
        ForwardErrors.UpstreamTimeout => GatewayProblems.UpstreamTimeout,
        ForwardErrors.NoUpstream => GatewayProblems.NoUpstream,
        _ => GatewayProblems.Unreachable,
    };
}
