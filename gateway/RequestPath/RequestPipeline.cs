using JitGrains.Audit;
using JitGrains.Gateway.Callers;
using JitGrains.Gateway.Exchange;
using JitGrains.Gateway.Executions;
using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Limits;
using JitGrains.Gateway.Telemetry;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Network;
using JitGrains.Policy;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Network;
using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.RequestPath;

/// <summary>
/// What happens to a call, in order: canonical form, own endpoints, API, preflight, limits by
/// address, caller, limits by caller, body, action, limits by action, decision. What
/// follows an <c>approve</c> is <see cref="ApprovalPath"/>'s. Thread-safe.
/// </summary>
internal sealed class RequestPipeline(
    IPolicyProvider policies,
    IAddressTables addresses,
    ExchangedTokens tokens,
    CallerEndpoints own,
    ApprovalPath approvals,
    CallRunner runner,
    Redecision redecision,
    ExecutionRegistry registry,
    RestrictionsCopy restrictions,
    IGatewayLease lease,
    CallLimiter limiter,
    GatewayJournal journal,
    GatewayMetrics metrics,
    TimeProvider time)
{
    /// <summary>
    /// Handles it. No method on the way of most calls waits for another where it need not: each that does costs every call an object, and a
    /// step back when it is over.
    /// </summary>
    /// <param name="context">The call.</param>
    /// <param name="limits">What it takes from limits: to be disposed of when it is over, in any way.</param>
    public Task Handle(HttpContext context, out CallLimits? limits)
    {
        limits = null;
        if (!RequestParser.Parse(RawRequests.Of(context)).TryGet(out var request, out var refusal))
        {
            metrics.Unauthenticated(refusal.Code);
            // Where it ends others may see in another place: what stands behind it on the connection is not taken for a request.
            return Answers.Refuse(context, ForCanonical(refusal).WithHeader("Connection", "close"));
        }

        var policy = policies.Current;
        var origin = addresses.Current.Find(ClientAddress.Of(context));
        if (CallerEndpoints.IsOwn(request))
        {
            // Whoever watches the process stands where it likes.
            return CallerEndpoints.IsHealth(request) || policy.Admits(api: null, origin) ? own.Handle(context, request) : RefuseNetwork(context, api: null);
        }

        var outline = policy.Outline(request);
        if (!policy.Admits(outline.Api, origin))
            return RefuseNetwork(context, outline.Api);
        if (outline.Api is null && policy.Match(request, null) is ActionMatch.NoApi { UnknownHost: true })
        {
            metrics.Unauthenticated("unknown-host");
            return Answers.Refuse(context, GatewayProblems.UnknownHost);
        }

        if (outline.Api?.Cors is not null && Cors.IsPreflight(context.Request))
        {
            Cors.AnswerPreflight(context, outline.Api);
            return Task.CompletedTask;
        }

        limits = limiter.Begin(context, policy);
        if (limits?.Admits(outline.Api) == false)
            return limits.Refuse(outline.Api);
        var caller = Authenticate(context, tokens, limiter.Limiting, metrics, time, outline.Api);
        return caller.IsCompletedSuccessfully
            ? By(caller.Result, context, origin, request, policy, outline, limits)
            : Once(caller, context, origin, request, policy, outline, limits);
    }

    private async Task Once(ValueTask<Caller?> caller, HttpContext context, CallOrigin origin, CanonicalRequest request, CompiledPolicy policy, MatchOutline outline, CallLimits? limits) =>
        await By(await caller, context, origin, request, policy, outline, limits);

    /// <summary>It is known who calls; null where that was answered.</summary>
    private Task By(Caller? caller, HttpContext context, CallOrigin origin, CanonicalRequest request, CompiledPolicy policy, MatchOutline outline, CallLimits? limits)
    {
        if (caller is null)
            return Task.CompletedTask;
        if (restrictions.Current.IsBlocked(caller))
            return Stop(context, request, caller, policy, outline, new AuditField("blocked", "true"), Problems.Blocked);
        return limits?.Admits(outline.Api, caller) == false ? limits.Refuse(outline.Api) : Decide(context, origin, request, caller, policy, outline, limits);
    }

    private Task RefuseNetwork(HttpContext context, ApiDefinition? api)
    {
        metrics.Unauthenticated("network");
        return Answers.Refuse(context, GatewayProblems.NetworkDenied, api);
    }

    /// <summary>Who calls; null where that was answered with a refusal.</summary>
    internal static async ValueTask<Caller?> Authenticate(HttpContext context, ITokenValidator tokens, Limiting limiting, GatewayMetrics metrics, TimeProvider time, ApiDefinition? api)
    {
        if (limiting.TooManyFailures(context) is { } tooMany)
        {
            metrics.Unauthenticated("limited");
            await Answers.Refuse(context, tooMany, api);
            return null;
        }

        switch (await tokens.ValidateAsync(Credentials.Of(context, api), time.GetUtcNow(), context.RequestAborted))
        {
            case TokenResult.Valid valid:
                return valid.Caller;
            case TokenResult.Invalid invalid:
                limiting.Failed(context);
                metrics.Unauthenticated(invalid.Code);
                await Answers.Refuse(context, Problems.Unauthenticated(invalid), api);
                return null;
            case TokenResult.Unavailable unavailable:
                metrics.Unauthenticated("unavailable");
                await Answers.Refuse(context, Problems.Unavailable(unavailable.Detail), api);
                return null;
            default:
                throw new InvalidOperationException("Token results are closed.");
        }
    }

    /// <summary>Reads the body where it is needed, and decides.</summary>
    private Task Decide(HttpContext context, CallOrigin origin, CanonicalRequest request, Caller caller, CompiledPolicy policy, MatchOutline outline, CallLimits? limits)
    {
        // An API that only observes refuses no body for its length: it is decided as one that cannot be read.
        var isReadable = outline.Api?.Mode != ApiMode.Observe || context.Request.ContentLength <= outline.BodyLimit;
        return outline.NeedsBody && isReadable
            ? ReadAndMatch(context, origin, request, caller, policy, outline, limits)
            : Match(context, origin, request, caller, policy, outline, limits, body: null);
    }

    private async Task ReadAndMatch(HttpContext context, CallOrigin origin, CanonicalRequest request, Caller caller, CompiledPolicy policy, MatchOutline outline, CallLimits? limits)
    {
        using var body = await BufferedBody.Read(context, outline.BodyLimit);
        await (body is null
            ? Answers.Refuse(context, Problems.PayloadTooLarge(outline.BodyLimit), outline.Api)
            : Match(context, origin, request, caller, policy, outline, limits, body));
    }

    private Task Match(HttpContext context, CallOrigin origin, CanonicalRequest request, Caller caller, CompiledPolicy policy, MatchOutline outline, CallLimits? limits, BufferedBody? body)
    {
        var json = body is null ? null : JsonBody.TryRead(request.SingleHeader("content-type"), request.SingleHeader("content-encoding"), body.Memory);
        return (outline.Match ?? policy.Match(request, json)) switch
        {
            var match when caller.Scope is { } scope && !scope.Admits(outline.Api?.Name, (match as ActionMatch.Found)?.Action.Name) =>
                Stop(context, request, caller, policy, outline, new AuditField("key_scope", "outside"), GatewayProblems.OutOfScope),
            ActionMatch.Found found when limits?.Admits(caller, found) == false => limits.Refuse(found.Api),
            ActionMatch.Found found =>
                Decided(new Call { Context = context, Origin = origin, Request = request, Caller = caller, Policy = policy, Match = found, Body = body, Json = json, Limits = limits }),
            ActionMatch.Confusable confusable => Answers.Refuse(context, ForCanonical(confusable.Refusal, "confusable-target"), confusable.Api),
            _ => Unmatched(context, origin, request, caller, policy, outline, body),
        };
    }

    private Task Decided(Call call)
    {
        if (call.Policy.MayDemandGrant(call.Action))
            GrantTable.Expect(call.Caller, call.Match);
        var decision = call.Policy.Evaluate(call.InputAt(time.GetUtcNow()));
        metrics.Request(Answers.Word(decision), call.Api.Name);
        if (call.Caller.Only is { } only && !IsFor(only, call, decision))
            return RefuseToken(call.Context, call.About(decision), call.Api);
        if (decision is PolicyDecision.Approve approve && call.Api.Mode == ApiMode.Enforce)
            return approvals.Handle(call, approve);
        return lease.MayAllow
            ? journal.TryBegin(call.About(decision)) is { } ticket ? OnRecord(call, decision, ticket) : OnceThereIsRoom(call, decision)
            : Answers.Refuse(call.Context, Problems.Unavailable("The gateway has been without the control plane for too long."), call.Api);
    }

    private async Task OnceThereIsRoom(Call call, PolicyDecision decision) =>
        await (await journal.Begin(call.About(decision), call.Context.RequestAborted) is { } ticket
            ? OnRecord(call, decision, ticket)
            : Answers.Refuse(call.Context, JournalFull, call.Api));

    /// <summary>Has a place in the journal, which all that follows here fill.</summary>
    private Task OnRecord(Call call, PolicyDecision decision, JournalTicket ticket) => decision switch
    {
        PolicyDecision.Allow => Forward(call, ticket, AuditTypes.CallForwarded, "allow"),
        _ when call.Api.Mode == ApiMode.Observe => Forward(call, ticket, AuditTypes.CallObserved, "observe", new AuditField("would", Answers.Word(decision))),
        _ => Deny(call.Context, ticket, decision, call.Policy, call.Api),
    };

    /// <summary>
    /// Whether a token that was exchanged for one thing is for this: the same action and resource, and decided as it was then. What
    /// an API that only observes would let through anyway is not what it was given for.
    /// </summary>
    private static bool IsFor(OnlyRight only, Call call, PolicyDecision decision) =>
        only.Action == call.Action.Name
        && (only.Resource is null || only.Resource == call.Match.Resource)
        && (decision switch
        {
            PolicyDecision.Allow => only.RequestId is null,
            PolicyDecision.Approve => call.Api.Mode == ApiMode.Enforce,
            _ => call.Api.Mode == ApiMode.Enforce,
        });

    private async Task RefuseToken(HttpContext context, CallFacts facts, ApiDefinition? api)
    {
        using var ticket = await journal.Begin(facts, context.RequestAborted);
        ticket?.Write(AuditTypes.CallDenied, more: new AuditField("exchanged_token", "for-something-else"));
        await Answers.Refuse(context, ticket is null ? JournalFull : GatewayProblems.TokenForElse, api);
    }

    /// <summary>No action has this method and path: the default is deny, and where the API observes, it is said and forwarded.</summary>
    private async Task Unmatched(HttpContext context, CallOrigin origin, CanonicalRequest request, Caller caller, CompiledPolicy policy, MatchOutline outline, BufferedBody? body)
    {
        var decision = new PolicyDecision.Deny(Rule: null);
        metrics.Request("deny", outline.Api?.Name ?? "");
        using var ticket = await journal.Begin(new CallFacts(caller, policy.Version, request.Method, outline.Api?.Name, Origin: CallOrigins.Of(context)), context.RequestAborted);
        if (ticket is null)
        {
            await Answers.Refuse(context, JournalFull, outline.Api);
        }
        else if (caller.Only is not null)
        {
            ticket.Write(AuditTypes.CallDenied, more: new AuditField("exchanged_token", "for-something-else"));
            await Answers.Refuse(context, GatewayProblems.TokenForElse, outline.Api);
        }
        else if (outline.Api is { Mode: ApiMode.Observe } api)
        {
            var none = new ActionDefinition { Name = "none", Methods = [], Path = "" };
            var match = new ActionMatch.Found(api, none, PathCaptures.Empty, "");
            var call = new Call { Context = context, Origin = origin, Request = request, Caller = caller, Policy = policy, Match = match, Body = body };
            await Forward(call, ticket, AuditTypes.CallObserved, "observe", new AuditField("would", "deny"));
        }
        else
        {
            await Deny(context, ticket, decision, policy, outline.Api);
        }
    }

    private Task Forward(Call call, JournalTicket ticket, string type, string kind, AuditField? more = null) =>
        runner.RunOnRecord(call, registry.Register(call.Caller, null, call.Action.Drain), kind, new JournaledCall(ticket, type, more), () => MayStart(call));

    /// <summary>The last check before the first upstream byte of a call that no grant is needed for.</summary>
    private string? MayStart(Call call)
    {
        if (restrictions.Current.IsBlocked(call.Caller))
            return ForwardErrors.Blocked;
        if (!redecision.StillForwards(call))
            return ForwardErrors.PolicyChanged;
        return lease.MayAllow ? null : ForwardErrors.LeaseLost;
    }

    /// <summary>Whatever policy says, this caller's call does not run.</summary>
    private async Task Stop(HttpContext context, CanonicalRequest request, Caller caller, CompiledPolicy policy, MatchOutline outline, AuditField because, Problem refused)
    {
        metrics.Request("blocked", outline.Api?.Name ?? "");
        using var ticket = await journal.Begin(new CallFacts(caller, policy.Version, request.Method, outline.Api?.Name, Origin: CallOrigins.Of(context)), context.RequestAborted);
        ticket?.Write(AuditTypes.CallDenied, more: because);
        await Answers.Refuse(context, ticket is null ? JournalFull : refused, outline.Api);
    }

    private static Task Deny(HttpContext context, JournalTicket ticket, PolicyDecision decision, CompiledPolicy policy, ApiDefinition? api)
    {
        ticket.Write(AuditTypes.CallDenied);
        var detail = decision.Rule is null ? "No rule admits this call." : "A rule denies this call.";
        return Answers.Refuse(context, GatewayProblems.OfDeny(decision, detail).WithHeader(OwnHeaders.Decision, Answers.Decision(decision, policy.Version)), api);
    }

    internal static Problem JournalFull => Problems.Unavailable("The journal cannot keep up; the call has not run.");

    private static Problem ForCanonical(CanonicalRefusal refusal, string name = "bad-request") =>
        new Problem(refusal.Status switch { 405 => "method-not-allowed", 421 => "unknown-host", _ => name }, refusal.Status, "The request is not accepted in this form", refusal.Detail)
            .With("field", refusal.Field).With("code", refusal.Code);
}
