using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Gateway.Callers;
using JitGrains.Gateway.Holds;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Limits;
using JitGrains.Gateway.RequestPath;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.Exchange;

/// <summary>
/// <c>POST /.jit/token</c>: a caller's own token for one that does one thing (token exchange, RFC 8693). What needs an approval is
/// asked for, and whoever comes back has the token once it is given. Thread-safe.
/// </summary>
internal sealed class TokenEndpoint(
    SubjectTokens subjects, ExchangedTokens exchanged, AskAhead asking, GrantUse grants, RequestLookup requests, HoldRoom holds, GatewayJournal journal, PollPace pace, IIdGenerator ids,
    TimeProvider time)
{
    private const int MaxBody = 48 * 1024;
    private static readonly TimeSpan Life = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(50);

    /// <summary>A rule that approves by itself does so within moments.</summary>
    private static readonly TimeSpan AutomaticWait = TimeSpan.FromSeconds(5);

    public async Task Handle(HttpContext context, CanonicalRequest request, CallLimits? limits)
    {
        context.Response.Headers.CacheControl = "no-store";
        if (!HttpMethods.IsPost(context.Request.Method))
        {
            await Answers.Refuse(context, GatewayProblems.MethodNotAllowed("POST"));
            return;
        }

        using var body = await BufferedBody.Read(context, MaxBody);
        if (body is null)
        {
            await Answers.Refuse(context, Problems.PayloadTooLarge(MaxBody));
            return;
        }

        var (form, error) = ExchangeForm.Read(context.Request.ContentType, body.Memory);
        if (form is null)
        {
            await Refuse(context, error!);
            return;
        }

        switch (await subjects.Examine(context, form.SubjectToken))
        {
            case { Subject: { Caller: var caller } } when limits?.Admits(api: null, caller) == false:
                await limits.Refuse(api: null);
                return;
            case { Subject: { } subject }:
                await Exchange(context, request, form, subject);
                return;
            case { Error: { } wrong }:
                await Refuse(context, wrong);
                return;
            case { Problem: { } problem }:
                await Answers.Refuse(context, problem);
                return;
            default:
                throw new InvalidOperationException("A subject_token is somebody's, or refused.");
        }
    }

    private async Task Exchange(HttpContext context, CanonicalRequest request, ExchangeForm form, Subject subject)
    {
        var (wanted, bad) = asking.Examine(context, subject.Caller, form.Asked);
        if (wanted is null)
        {
            await Refuse(context, bad!);
            return;
        }

        var exchange = new Exchanging(context, form, subject, wanted);
        switch (wanted.Decision)
        {
            case PolicyDecision.Allow:
                await Give(exchange, grant: null);
                return;
            case PolicyDecision.Approve when wanted.Match.Api.Mode == ApiMode.Observe:
                await Refuse(exchange, new OAuthError("access_denied", "The API only observes: no approval is asked for."));
                return;
            case PolicyDecision.Approve rule:
                await ByGrant(exchange, request, rule);
                return;
            default:
                var denied = GatewayProblems.OfDeny(wanted.Decision, "Policy does not let you do this.");
                if (InOurWords(denied) is { } error)
                    await Refuse(exchange, error);
                else
                    await Answers.Refuse(context, denied);
                return;
        }
    }

    private async Task ByGrant(Exchanging exchange, CanonicalRequest request, PolicyDecision.Approve rule)
    {
        var (context, form, caller, wanted) = (exchange.Context, exchange.Form, exchange.Subject.Caller, exchange.Wanted);
        var followed = form.RequestId is { } named ? await Own(caller, named, wanted) : null;
        if (form.RequestId is not null && followed is null)
        {
            await Refuse(exchange, new OAuthError("invalid_grant", "There is no such request of yours for this."));
            return;
        }

        if (await Find(caller, wanted, rule, form.RequestId, anew: followed is { Status: RequestStatus.Approved }) is { } grant)
        {
            await Give(exchange, grant);
            return;
        }

        if (followed is { Status: not RequestStatus.Pending } over)
        {
            await Ended(exchange, over.Id, over.Status);
            return;
        }

        var id = followed?.Id;
        if (id is null)
        {
            var (accepted, refused) = await asking.Raise(context, caller, form.Asked, wanted);
            if (accepted is null)
            {
                await Refuse(context, refused!);
                return;
            }

            id = accepted.RequestId;
        }

        var wait = AskFactory.WaitOf(request, TimeSpan.Zero, LongestWait);
        var end = await holds.Wait(id, rule.Terms.Automatic && wait < AutomaticWait ? AutomaticWait : wait, forGrant: false, context.RequestAborted);
        if (end.CallerLeft)
            return;
        var status = end.Request?.Status ?? RequestStatus.Pending;
        if (status == RequestStatus.Approved && await Find(caller, wanted, rule, id, anew: true) is { } given)
            await Give(exchange, given);
        else if (status == RequestStatus.Pending)
            await Pending(context, id, end.Request?.ExpiresAt ?? time.GetUtcNow() + rule.Terms.DecideWithin);
        else
            await Ended(exchange, id, status);
    }

    private Task<Grant?> Find(Caller caller, Wanted wanted, PolicyDecision.Approve rule, string? request, bool anew) =>
        grants.Find(caller, wanted.Match, rule.Terms, request, anew);

    private async Task<Wire.ApprovalRequestView?> Own(Caller caller, string id, Wanted wanted) =>
        IdFormat.IsId(id, "rq_") && await requests.Find(id) is { } view && view.CallerKey == caller.Key && view.Action == wanted.Match.Action.Name && view.Resource == wanted.Match.Resource ? view : null;

    private async Task Pending(HttpContext context, string id, DateTimeOffset until)
    {
        var (interval, tooSoon) = pace.Asked(id);
        await Refuse(context, new OAuthError(tooSoon ? "slow_down" : "authorization_pending", "An approval is asked for; come back with the same request.")
        {
            AuthReqId = id,
            Interval = interval,
            ExpiresIn = Math.Max(0, (long)(until - time.GetUtcNow()).TotalSeconds),
        });
    }

    private Task Ended(Exchanging exchange, string id, RequestStatus status)
    {
        pace.Forget(id);
        return Refuse(exchange, status switch
        {
            RequestStatus.Denied => new OAuthError("access_denied", "An approver denied it."),
            RequestStatus.Cancelled => new OAuthError("access_denied", "The request was taken back."),
            RequestStatus.Expired => new OAuthError("expired_token", "Nobody decided it in time."),
            _ => new OAuthError("invalid_grant", "What was approved has been used, has ended or was taken away."),
        }, id);
    }

    private async Task Give(Exchanging exchange, Grant? grant)
    {
        var (context, form, (caller, bound), wanted) = exchange;
        var now = time.GetUtcNow();
        var expires = now + Life;
        if (caller.TokenExpiresAt < expires)
            expires = caller.TokenExpiresAt;
        if (grant is not null && grant.ExpiresAt < expires)
            expires = grant.ExpiresAt;
        var resource = form.Asked.Resource.Count == 0 ? null : wanted.Match.Resource;
        var only = new OnlyRight(wanted.Match.Action.Name, resource, grant?.RequestId, "tk_" + ids.NewSuffix());
        if (exchanged.Make(caller with { TokenExpiresAt = expires, Only = only }, bound) is not { } token)
        {
            await Refuse(exchange, new OAuthError("invalid_request", "The subject_token says too much of its subject to be exchanged."));
            return;
        }

        if (!await Journal(exchange, AuditTypes.TokenGiven, only, grant?.RequestId, grant?.Id, AuditField.At("expires_at", expires)))
        {
            await Answers.Refuse(context, RequestPipeline.JournalFull);
            return;
        }

        if (grant is not null)
            pace.Forget(grant.RequestId);
        await Answers.Json(context, new
        {
            AccessToken = token,
            IssuedTokenType = ExchangeForm.AccessToken,
            TokenType = bound?.Key is null ? "Bearer" : "DPoP",
            ExpiresIn = (long)(expires - now).TotalSeconds,
            AuthorizationDetails = new[] { new { Type = ExchangeForm.DetailType, only.Action, Resource = resource, Grant = grant?.Id, Request = grant?.RequestId } },
        });
    }

    /// <summary>Whether there was room for the entry: without it there is no token.</summary>
    private async Task<bool> Journal(Exchanging exchange, string type, OnlyRight? only, string? request, string? grant, AuditField more)
    {
        var (context, _, (caller, _), wanted) = exchange;
        var facts = new CallFacts(
            caller with { Only = only }, wanted.PolicyVersion, HttpMethods.Post, wanted.Match.Api.Name, wanted.Match.Action.Name, wanted.Match.Resource, wanted.Decision.Rule, request, grant, wanted.Origin);
        using var ticket = await journal.Begin(facts, context.RequestAborted);
        ticket?.Write(type, more: more);
        return ticket is not null;
    }

    /// <summary>Refuses somebody who is known something that there is, which is on record.</summary>
    private async Task Refuse(Exchanging exchange, OAuthError error, string? request = null)
    {
        if (await Journal(exchange, AuditTypes.TokenRefused, null, request ?? (exchange.Form.RequestId is { } named && IdFormat.IsId(named, "rq_") ? named : null), null, new AuditField("error", error.Error)))
            await Refuse(exchange.Context, error);
        else
            await Answers.Refuse(exchange.Context, RequestPipeline.JournalFull);
    }

    private static Task Refuse(HttpContext context, Problem problem) => InOurWords(problem) is { } error ? Refuse(context, error) : Answers.Refuse(context, problem);

    /// <summary>A problem in the words of this protocol, where it has one for it.</summary>
    private static OAuthError? InOurWords(Problem problem) => problem.Status switch
    {
        400 => new OAuthError("invalid_authorization_details", problem.Detail) { Code = problem.Name },
        403 => new OAuthError("access_denied", problem.Detail) { Code = problem.Name },
        _ => null,
    };

    private static Task Refuse(HttpContext context, OAuthError error)
    {
        context.Response.Headers.Pragma = "no-cache";
        return Answers.Json(context, error, StatusCodes.Status400BadRequest);
    }

    /// <summary>A request for a token, once it is known whose token it would be and for what.</summary>
    private sealed record Exchanging(HttpContext Context, ExchangeForm Form, Subject Subject, Wanted Wanted);
}
