using JitGrains.Approvals;
using JitGrains.Gateway.Assertions;
using JitGrains.Gateway.Exchange;
using JitGrains.Gateway.Grants;
using JitGrains.Gateway.Holds;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Limits;
using JitGrains.Gateway.RequestPath;
using JitGrains.Gateway.Telemetry;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Revocation;
using JitGrains.Wire;

namespace JitGrains.Gateway.Callers;

/// <summary>
/// The gateway's own endpoints, <c>/.jit/...</c>: nothing else is reserved. A caller sees only its own; what is another's is
/// not found. Thread-safe.
/// </summary>
internal sealed class CallerEndpoints(
    ITokenValidator tokens,
    AskAhead asking,
    HoldRoom holds,
    RequestLookup requests,
    GrantViews views,
    RestrictionsCopy restrictions,
    IRevocationService revocation,
    IReadModel readModel,
    IGrainFactory grains,
    Readiness readiness,
    PublishedKeys published,
    TokenEndpoint exchange,
    IGatewayLease lease,
    IPolicyProvider policies,
    CallLimiter limiter,
    GatewayMetrics metrics,
    TimeProvider time)
{
    private const string Prefix = "/.jit/";
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(50);

    /// <summary>How long the answer to a cancellation waits for it to have come about.</summary>
    private static readonly TimeSpan CancelWait = TimeSpan.FromSeconds(5);

    /// <summary>Whether a request is for here, or so nearly that it must not go anywhere else.</summary>
    public static bool IsOwn(CanonicalRequest request) => request.LooseSegments is [".jit", ..];

    /// <summary>Whether a request only asks how the process is, or for the keys by which upstreams tell its assertions.</summary>
    public static bool IsHealth(CanonicalRequest request) => request.RawPath is "/.jit/livez" or "/.jit/readyz" or "/.jit/jwks";

    public async Task Handle(HttpContext context, CanonicalRequest request)
    {
        var parts = request.RawPath.StartsWith(Prefix, StringComparison.Ordinal) ? request.RawPath[Prefix.Length..].Split('/') : [];
        switch (parts)
        {
            case ["livez"]:
                await OnGet(context, () => Answers.Json(context, new { status = "ok" }));
                return;
            case ["readyz"]:
                await OnGet(context, () => readiness.Answer(context));
                return;
            case ["jwks"]:
                await OnGet(context, () => published.Answer(context));
                return;
            case ["token"]:
            case ["whoami"] or ["requests"] or ["requests", _] or ["grants"] or ["grants", _]:
                break;
            default:
                await Answers.Refuse(context, Problems.NotFound("endpoint"));
                return;
        }

        using var limits = limiter.Begin(context, policies.Current);
        if (limits?.Admits(api: null) == false)
        {
            await limits.Refuse(api: null);
            return;
        }

        if (parts is ["token"])
        {
            await exchange.Handle(context, request, limits);
            return;
        }

        if (await RequestPipeline.Authenticate(context, tokens, limiter.Limiting, metrics, time, api: null) is not { } caller)
            return;
        if (restrictions.Current.IsBlocked(caller))
        {
            await Answers.Refuse(context, Problems.Blocked);
            return;
        }

        if (limits?.Admits(api: null, caller) == false)
        {
            await limits.Refuse(api: null);
            return;
        }

        await ((request.Method, parts) switch
        {
            ("GET", ["whoami"]) => WhoAmI(context, caller),
            (_, ["whoami"]) => Answers.Refuse(context, GatewayProblems.MethodNotAllowed("GET")),
            ("POST", ["requests"]) => asking.Handle(context, caller),
            (_, ["requests"]) => Answers.Refuse(context, GatewayProblems.MethodNotAllowed("POST")),
            ("GET", ["requests", var id]) => ShowRequest(context, request, caller, id),
            ("DELETE", ["requests", var id]) => Cancel(context, caller, id),
            (_, ["requests", _]) => Answers.Refuse(context, GatewayProblems.MethodNotAllowed("GET, DELETE")),
            ("GET", ["grants"]) => ListGrants(context, caller),
            (_, ["grants"]) => Answers.Refuse(context, GatewayProblems.MethodNotAllowed("GET")),
            ("DELETE", ["grants", var id]) => Release(context, caller, id),
            _ => Answers.Refuse(context, GatewayProblems.MethodNotAllowed("DELETE")),
        });
    }

    private static Task OnGet(HttpContext context, Func<Task> answer) =>
        HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method)
            ? answer()
            : Answers.Refuse(context, GatewayProblems.MethodNotAllowed("GET, HEAD"));

    private static Task WhoAmI(HttpContext context, Caller caller) => Answers.Json(context, new
    {
        caller.Principal,
        caller.Actors,
        caller.Excluded,
        Groups = caller.Groups.Order(StringComparer.Ordinal),
        caller.TokenExpiresAt,
    });

    private async Task<ApprovalRequestView?> Own(Caller caller, string id) =>
        IdFormat.IsId(id, "rq_") && await requests.Find(id) is { } view && view.CallerKey == caller.Key ? view : null;

    private async Task ShowRequest(HttpContext context, CanonicalRequest request, Caller caller, string id)
    {
        if (await Own(caller, id) is not { } view)
        {
            await Answers.Refuse(context, Problems.NotFound("approval request"));
            return;
        }

        if (view.Status == RequestStatus.Pending)
        {
            var end = await holds.Wait(id, AskFactory.WaitOf(request, TimeSpan.Zero, LongestWait), forGrant: false, context.RequestAborted);
            if (end.CallerLeft)
                return;
            view = end.Request ?? view;
        }

        await Answers.Json(context, await requests.TaskOf(view));
    }

    private async Task Cancel(HttpContext context, Caller caller, string id)
    {
        if (await Own(caller, id) is not { } view)
        {
            await Answers.Refuse(context, Problems.NotFound("approval request"));
            return;
        }

        if (view.Status == RequestStatus.Pending)
        {
            // By way of the caller's own grain; the request's hears of it from there, and may have been decided before.
            await grains.GetGrain<IPrincipalGrain>(caller.Key).CancelRequest(new CancelRequestCommand(id, caller.Principal));
            var end = await holds.Wait(id, CancelWait, forGrant: false, context.RequestAborted);
            if (end.CallerLeft)
                return;
            view = end.Request ?? view;
        }

        await (view.Status switch
        {
            RequestStatus.Cancelled => Answers.Json(context, await requests.TaskOf(view)),
            RequestStatus.Pending => Answers.Json(context, await requests.TaskOf(view), StatusCodes.Status202Accepted),
            _ => Answers.Refuse(context, Problems.From(new Refusal.AlreadyDecided(view.Status), time.GetUtcNow())),
        });
    }

    private async Task ListGrants(HttpContext context, Caller caller)
    {
        if (!lease.IsLive)
        {
            await Answers.Refuse(context, Problems.Unavailable("Grants cannot be read at the moment."));
            return;
        }

        var now = time.GetUtcNow();
        var items = new List<GrantView>();
        foreach (var grant in (await views.Get(caller)).All())
        {
            if (now < grant.ExpiresAt && await readModel.GetGrantAsync(grant.Id) is { } view)
                items.Add(view);
        }

        await Answers.Json(context, new { items });
    }

    private async Task Release(HttpContext context, Caller caller, string id)
    {
        if (!IdFormat.IsId(id, "gr_") || await readModel.GetGrantAsync(id) is not { } grant || grant.CallerKey != caller.Key)
        {
            await Answers.Refuse(context, Problems.NotFound("grant"));
            return;
        }

        var reply = await revocation.ReleaseAsync(caller.Key, id, CancellationToken.None);
        if (reply.Value is { } released)
            await Answers.Json(context, new { released.GrantIds });
        else
            await Answers.Refuse(context, Problems.NotFound("grant"));
    }
}
