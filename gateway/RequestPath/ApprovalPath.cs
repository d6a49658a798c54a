using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Binding;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Holds;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Leases;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Policy;
using JitGrains.Secrets;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Network;
using JitGrains.Silo.Secrets;
using Microsoft.AspNetCore.Http.Features;

namespace JitGrains.Gateway.RequestPath;

/// <summary>
/// A call under an approve rule: under a grant it runs, otherwise it asks and is held. Without a live lease nothing here is
/// answered from memory. Thread-safe.
/// </summary>
internal sealed class ApprovalPath(
    GatewayKeys keys, IGatewayLease lease, GrantUse grants, Redecision policy, GrantViews views, AskFactory asks, Asking asking, HoldRoom holds, RequestLookup requests, GatewayJournal journal, TimeProvider time)
{
    /// <summary>A rule that approves by itself does so within moments; a caller that would not wait at all waits this long.</summary>
    private static readonly TimeSpan AutomaticWait = TimeSpan.FromSeconds(5);

    /// <summary>Handles it. Nothing waits on the way to a many-use grant that is at hand.</summary>
    public Task Handle(Call call, PolicyDecision.Approve rule)
    {
        if (!lease.IsLive)
            return Refuse(call, rule, Problems.Unavailable("Approvals cannot be checked at the moment."));
        if (!CallerText.TryRead(call.Request, out var text, out var badText))
            return Refuse(call, rule, badText);
        var named = call.Request.SingleHeader("jit-request");
        if (named is not null && !IdFormat.IsId(named, "rq_"))
            return Refuse(call, rule, Problems.BadRequest(OwnHeaders.Request, "This is no id of an approval request."));
        return call.Action.Binding == BindingKind.Payload ? Bind(call, rule, text, named) : Proceed(new BoundCall(call, null), rule, text, named);
    }

    private async Task Bind(Call call, PolicyDecision.Approve rule, CallerText text, string? named)
    {
        var (body, refused) = call.Body is null ? await ReadBody(call) : (null, CannotCover(call));
        using (body)
        {
            if (refused is not null)
            {
                await Refuse(call, rule, refused);
                return;
            }

            // The same variable: while it is held there is one call, not a second without its body.
            if (body is not null)
                call = call with { Body = body };
            var digest = PayloadBinding.Compute(keys.PayloadBinding.Span, call.Request, call.Body!.Memory.Span, call.Api, call.Action);
            await Proceed(new BoundCall(call, digest), rule, text, named);
        }
    }

    /// <summary>A payload-bound call's body, whole, or why it cannot be bound.</summary>
    private static async Task<(BufferedBody? Body, Problem? Refused)> ReadBody(Call call)
    {
        if (call.Request.IsWebSocket)
            return (null, CannotCover(call));
        var body = await BufferedBody.Read(call.Context, call.Action.BodyLimit);
        return body is null ? (null, Problems.PayloadTooLarge(call.Action.BodyLimit)) : (body, CannotCover(call));
    }

    /// <summary>What else of the call no digest of a request could cover; null where there is nothing.</summary>
    private static Problem? CannotCover(Call call) =>
        call.Request.IsWebSocket
            ? Problems.BadRequest("header:upgrade", "A grant for this action is for one exact request; it cannot cover an upgraded connection.")
            : call.Request.DeclaresTrailers || call.Context.Features.Get<IHttpRequestTrailersFeature>() is { Available: true, Trailers.Count: > 0 }
                ? Problems.BadRequest("trailer", "A grant for this action is for one exact request; it cannot cover trailers.")
                : null;

    private Task Proceed(BoundCall bound, PolicyDecision.Approve rule, CallerText text, string? named)
    {
        if (bound.Call.Caller.Only is { } only)
            return ByExchangedToken(bound, rule, only, named);
        return grants.TryRunAtOnce(bound, rule, named, out var run) ? run : RunOrHold(bound, rule, text, named);
    }

    /// <summary>Runs it, answers it, or asks: then, which request it waits for. The ask is the request's from there, and kept no longer.</summary>
    private async Task<string?> RunOrAsk(BoundCall bound, PolicyDecision.Approve rule, CallerText text, string? named)
    {
        // A call that names a request is for that one: no other grant is used up for it.
        if (await grants.TryRun(bound, rule, named))
            return null;

        var call = bound.Call;
        var ask = asks.ForCall(bound, rule.Terms, text);
        var join = named;
        if (join is null && rule.Terms.ReasonRequired && text.Reason is null && (join = await requests.FindOpen(ask)) is null)
        {
            await Refuse(call, rule, GatewayProblems.ReasonRequired(OwnHeaders.Reason));
            return null;
        }

        // Whoever comes this far waits, for the store if not for a person.
        call.ForgetToken();
        var asked = await asking.RaiseOrJoin(ask, new LimitedCall(ClientAddress.Of(call.Context), call.Caller, call.Api.Name, call.Action), join);
        if (asked.Reply is not { } reply)
        {
            await Refuse(call, rule, asked.Limited!);
            return null;
        }

        switch (reply)
        {
            case { Value: { GrantId: not null } granted }:
                // It was approved already, and news of the grant has not come here.
                views.Drop(call.Caller.Key);
                return await grants.TryRun(bound, rule, granted.RequestId) ? null : granted.RequestId;
            case { Value: { } accepted }:
                return accepted.RequestId;
            case { Refusal: Refusal.RequestMismatch } when named is not null:
                return await JoinsStill(bound, rule, ask, named) ? named : null;
            default:
                await Refuse(call, rule, Problems.From(reply.Refusal!, time.GetUtcNow()));
                return null;
        }
    }

    /// <summary>A token that was exchanged for one grant runs under that one or not at all, and asks for nothing.</summary>
    private async Task ByExchangedToken(BoundCall bound, PolicyDecision.Approve rule, OnlyRight only, string? named)
    {
        if (only.RequestId is not { } request)
        {
            await Refuse(bound.Call, rule, GatewayProblems.Denied("The token was given without an approval, which policy now demands. Exchange your own again."));
            return;
        }

        if (named is not null && named != request)
        {
            await Refuse(bound.Call, rule, Problems.From(new Refusal.RequestMismatch(named), time.GetUtcNow()));
            return;
        }

        if (await grants.TryRun(bound, rule, request))
            return;
        // News of the grant may be on its way.
        views.Drop(bound.Call.Caller.Key);
        if (!await grants.TryRun(bound, rule, request))
            await Refuse(bound.Call, rule, await requests.WhyNotUsable(request));
    }

    /// <summary>Ten thousand calls may be held here: what this method keeps is what each of them costs.</summary>
    private async Task RunOrHold(BoundCall bound, PolicyDecision.Approve rule, CallerText text, string? named)
    {
        if (await RunOrAsk(bound, rule, text, named) is not { } requestId)
            return;
        var call = bound.Call;
        var wait = AskFactory.WaitOf(call);
        if (rule.Terms.Automatic && wait < AutomaticWait)
            wait = AutomaticWait;
        call.Limits?.Pause();
        var end = await holds.Wait(requestId, wait, forGrant: true, call.Context.RequestAborted);
        if (end.CallerLeft)
            return;
        if (end.Granted)
        {
            await AfterApproval(bound, requestId, end.Told);
            return;
        }

        // The caller is told an id by which it can be looked up at once.
        var request = end.Request ?? await requests.FindRaised(requestId);
        switch (request?.Status)
        {
            case RequestStatus.Approved:
                await AfterApproval(bound, requestId, told: null);
                break;
            case null or RequestStatus.Pending:
                await Refuse(call, rule, Tasks.ApprovalRequired(requests.TaskOf(requestId, call.Match, rule.Terms, request)));
                break;
            default:
                await Refuse(call, rule, GatewayProblems.OfEnded(requests.TaskOf(requestId, call.Match, rule.Terms, request)));
                break;
        }
    }

    /// <summary>Decided anew: meanwhile policy may have changed, or somebody else may have used the grant.</summary>
    private async Task AfterApproval(BoundCall bound, string requestId, Grant? told)
    {
        var (current, decision) = policy.Of(bound.Call);
        if (decision is not PolicyDecision.Approve approve)
        {
            // A denial like any other.
            using var ticket = await journal.Begin(current.About(decision), current.Context.RequestAborted);
            ticket?.Write(AuditTypes.CallDenied);
            await Refuse(current, decision, ticket is null ? RequestPipeline.JournalFull : GatewayProblems.OfDeny(decision, "Policy has changed since the call was made; send it again."));
            return;
        }

        // Nothing is used up: the call can be sent again, and finds its grant.
        if (current.Limits?.Resumes(current.Caller, current.Api) == false)
        {
            await Refuse(current, decision, current.Limits.Refusal());
            return;
        }

        var again = bound with { Call = current };
        if (told?.RequestId == requestId && await grants.TryRun(again, approve, told))
            return;
        if (await grants.TryRun(again, approve, requestId))
            return;
        // News of the grant may be lost on the way here, but not that the request was approved.
        views.Drop(current.Caller.Key);
        if (!await grants.TryRun(again, approve, requestId))
            await Refuse(current, decision, await requests.WhyNotUsable(requestId));
    }

    /// <summary>The named request is not open for this call: it is somebody else's, another call's, or over, which is answered; or it is open by now.</summary>
    private async Task<bool> JoinsStill(BoundCall bound, PolicyDecision.Approve rule, Ask ask, string named)
    {
        var view = await requests.Find(named);
        if (view is null || view.CallerKey != bound.Call.Caller.Key)
            await Refuse(bound.Call, rule, Problems.NotFound("approval request"));
        else if (view.RejoinKey != ask.RejoinKey)
            await Refuse(bound.Call, rule, Problems.From(new Refusal.RequestMismatch(named), time.GetUtcNow()));
        else if (view.Status == RequestStatus.Pending)
            return true;
        else if (view.Status == RequestStatus.Approved)
            await Refuse(bound.Call, rule, await requests.WhyNotUsable(named));
        else
            await Refuse(bound.Call, rule, GatewayProblems.OfEnded(requests.TaskOf(named, bound.Call.Match, rule.Terms, view)));
        return false;
    }

    private static Task Refuse(Call call, PolicyDecision decision, Problem refused) =>
        Answers.Refuse(call.Context, refused.WithHeader(OwnHeaders.Decision, Answers.Decision(decision, call.Policy.Version)), call.Api);
}

/// <summary>A call with what a grant for it must pin.</summary>
/// <param name="Call">The call; its body is read where its action binds the payload.</param>
/// <param name="PayloadDigest">Its keyed digest where its action binds the payload.</param>
internal sealed record BoundCall(Call Call, string? PayloadDigest)
{
    /// <summary>What makes identical calls identical. Made each time: it is asked for at both ends of a wait, and not kept for so long.</summary>
    public string RejoinKey =>
        Binding.RejoinKey.Compute(Call.Caller.AskKey, Call.Api.Name, Call.Action.Name, Call.Match.Resource, Call.Action.Binding, PayloadDigest);
}
