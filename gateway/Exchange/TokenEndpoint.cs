using JitGrains.Approvals;
using JitGrains.Gateway.Callers;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Holds;
using JitGrains.Gateway.Limits;
using JitGrains.Gateway.RequestPath;
using JitGrains.Gateway.Telemetry;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Identity;

namespace JitGrains.Gateway.Exchange;

/// <summary>
/// <c>POST /.jit/token</c>: a caller's own token for one that does one thing (token exchange, RFC 8693). What needs an approval is
/// asked for, and whoever comes back has the token once it is given. Thread-safe.
/// </summary>
internal sealed class TokenEndpoint(
    ITokenValidator tokens, ExchangedTokens exchanged, AskAhead asking, GrantUse grants, RequestLookup requests, HoldRoom holds, RestrictionsCopy restrictions, CallLimiter limiter,
    PollPace pace, GatewayMetrics metrics, TimeProvider time)
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

        if (await Authenticate(context, form) is { } caller)
        {
            if (limits?.Admits(api: null, caller) == false)
                await limits.Refuse(api: null);
            else
                await Exchange(context, request, form, caller);
        }
    }

    /// <summary>Whose token it is; null where that was answered.</summary>
    private async Task<Caller?> Authenticate(HttpContext context, ExchangeForm form)
    {
        if (limiter.Limiting.TooManyFailures(context) is { } tooMany)
        {
            metrics.Unauthenticated("limited");
            await Answers.Refuse(context, tooMany);
            return null;
        }

        var presented = new Credentials("Bearer " + form.SubjectToken, certificate: Credentials.Of(context).Certificate);
        switch (await tokens.ValidateAsync(presented, time.GetUtcNow(), context.RequestAborted))
        {
            // What is bound to a key or a certificate is not to be had without it, proved or not.
            case TokenResult.Valid { Caller.Claims: var claims } when claims.ContainsKey("cnf"):
            case TokenResult.Invalid { Code: PossessionCodes.ProofMissing or PossessionCodes.CertificateMissing or PossessionCodes.CertificateMismatch }:
                await Refuse(context, new OAuthError("invalid_request", "The subject_token is bound to a key or a certificate, and what it is exchanged for would not be."));
                return null;
            case TokenResult.Valid { Caller: var blocked } when restrictions.Current.IsBlocked(blocked):
                await Refuse(context, new OAuthError("access_denied", Problems.Blocked.Detail) { Code = Problems.Blocked.Name });
                return null;
            case TokenResult.Valid valid:
                return valid.Caller;
            case TokenResult.Invalid invalid:
                limiter.Limiting.Failed(context);
                metrics.Unauthenticated(invalid.Code);
                await Refuse(context, new OAuthError("invalid_request", "subject_token: " + invalid.Detail) { Code = invalid.Code });
                return null;
            case TokenResult.Unavailable unavailable:
                metrics.Unauthenticated("unavailable");
                await Answers.Refuse(context, Problems.Unavailable(unavailable.Detail));
                return null;
            default:
                throw new InvalidOperationException("Token results are closed.");
        }
    }

    private async Task Exchange(HttpContext context, CanonicalRequest request, ExchangeForm form, Caller caller)
    {
        var (wanted, bad) = asking.Examine(context, caller, form.Asked);
        if (wanted is null)
        {
            await Refuse(context, bad!);
            return;
        }

        switch (wanted.Decision)
        {
            case PolicyDecision.Allow:
                await Give(context, form, caller, wanted, grant: null);
                return;
            case PolicyDecision.Approve when wanted.Match.Api.Mode == ApiMode.Observe:
                await Refuse(context, new OAuthError("access_denied", "The API only observes: no approval is asked for."));
                return;
            case PolicyDecision.Approve rule:
                await ByGrant(context, request, form, caller, wanted, rule);
                return;
            default:
                await Refuse(context, GatewayProblems.OfDeny(wanted.Decision, "Policy does not let you do this."));
                return;
        }
    }

    private async Task ByGrant(HttpContext context, CanonicalRequest request, ExchangeForm form, Caller caller, Wanted wanted, PolicyDecision.Approve rule)
    {
        var followed = form.RequestId is { } named ? await Own(caller, named, wanted) : null;
        if (form.RequestId is not null && followed is null)
        {
            await Refuse(context, new OAuthError("invalid_grant", "There is no such request of yours for this."));
            return;
        }

        if (await Find(caller, wanted, rule, form.RequestId, anew: followed is { Status: RequestStatus.Approved }) is { } grant)
        {
            await Give(context, form, caller, wanted, grant);
            return;
        }

        if (followed is { Status: not RequestStatus.Pending } over)
        {
            await Ended(context, over.Id, over.Status);
            return;
        }

        var id = followed?.Id;
        if (id is null)
        {
            var (_, accepted, refused) = await asking.Raise(context, caller, form.Asked, wanted);
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
            await Give(context, form, caller, wanted, given);
        else if (status == RequestStatus.Pending)
            await Pending(context, id, end.Request?.ExpiresAt ?? time.GetUtcNow() + rule.Terms.DecideWithin);
        else
            await Ended(context, id, status);
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

    private Task Ended(HttpContext context, string id, RequestStatus status)
    {
        pace.Forget(id);
        return Refuse(context, status switch
        {
            RequestStatus.Denied => new OAuthError("access_denied", "An approver denied it."),
            RequestStatus.Cancelled => new OAuthError("access_denied", "The request was taken back."),
            RequestStatus.Expired => new OAuthError("expired_token", "Nobody decided it in time."),
            _ => new OAuthError("invalid_grant", "What was approved has been used, has ended or was taken away."),
        });
    }

    private async Task Give(HttpContext context, ExchangeForm form, Caller caller, Wanted wanted, Grant? grant)
    {
        var now = time.GetUtcNow();
        var expires = now + Life;
        if (caller.TokenExpiresAt < expires)
            expires = caller.TokenExpiresAt;
        if (grant is not null && grant.ExpiresAt < expires)
            expires = grant.ExpiresAt;
        var resource = form.Asked.Resource.Count == 0 ? null : wanted.Match.Resource;
        var only = new OnlyRight(wanted.Match.Action.Name, resource, grant?.RequestId);
        if (exchanged.Make(caller with { TokenExpiresAt = expires, Only = only }) is not { } token)
        {
            await Refuse(context, new OAuthError("invalid_request", "The subject_token says too much of its subject to be exchanged."));
            return;
        }

        if (grant is not null)
            pace.Forget(grant.RequestId);
        await Answers.Json(context, new
        {
            AccessToken = token,
            IssuedTokenType = ExchangeForm.AccessToken,
            TokenType = "Bearer",
            ExpiresIn = (long)(expires - now).TotalSeconds,
            AuthorizationDetails = new[] { new { Type = ExchangeForm.DetailType, only.Action, Resource = resource, Grant = grant?.Id, Request = grant?.RequestId } },
        });
    }

    /// <summary>A problem in the words of this protocol, where it has one for it.</summary>
    private static Task Refuse(HttpContext context, Problem problem) => problem.Status switch
    {
        400 => Refuse(context, new OAuthError("invalid_authorization_details", problem.Detail) { Code = problem.Name }),
        403 => Refuse(context, new OAuthError("access_denied", problem.Detail) { Code = problem.Name }),
        _ => Answers.Refuse(context, problem),
    };

    private static Task Refuse(HttpContext context, OAuthError error)
    {
        context.Response.Headers.Pragma = "no-cache";
        return Answers.Json(context, error, StatusCodes.Status400BadRequest);
    }
}
