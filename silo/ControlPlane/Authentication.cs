using JitGrains.Identity;
using JitGrains.Restrictions;
using JitGrains.Runtime.Engine;
using JitGrains.Sessions;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Limits;
using JitGrains.Silo.SignIn;
using JitGrains.Silo.Telemetry;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.ControlPlane;

/// <summary>
/// Lets nobody in without a good token or a live session, nor anybody who is blocked, and tells the endpoint who it is. A
/// request with an Authorization header is held to that alone: cookies count only where there is none.
/// </summary>
internal sealed class Authentication(
    ITokenValidator tokens, SessionKeeper sessions, SessionCookies cookies, CrossSite pages, IGrainFactory grains, Limiting limiting, SiloMetrics metrics, TimeProvider time) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        http.Response.Headers.CacheControl = "no-store";
        if (limiting.TooManyFailures(http) is { } tooMany)
        {
            metrics.Unauthenticated("limited");
            return tooMany;
        }

        if (http.Request.Headers.Authorization.Count == 0 && cookies.HasSession(http))
            return await InSessionAsync(context, next);
        switch (await tokens.ValidateAsync(Credentials.Of(http), time.GetUtcNow(), http.RequestAborted))
        {
            case TokenResult.Valid { Caller.Scope: not null }:
                return Problems.Forbidden("API keys are for calls at the gateway.");
            case TokenResult.Valid valid:
                if (await IsBlockedAsync(valid.Caller))
                    return Problems.Blocked;
                http.Features.Set(valid.Caller);
                return await next(context);
            case TokenResult.Unavailable unavailable:
                metrics.Unauthenticated("unavailable");
                return Problems.Unavailable(unavailable.Detail);
            case TokenResult.Invalid invalid:
                limiting.Failed(http);
                metrics.Unauthenticated(invalid.Code);
                return Problems.Unauthenticated(invalid);
            default:
                throw new InvalidOperationException("a token result that nobody knows");
        }
    }

    private async ValueTask<object?> InSessionAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        // What another site has a browser send, that browser's session does not stand behind.
        if (!HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method) && !pages.IsOwnCall(http.Request))
        {
            metrics.Unauthenticated("cross-site");
            return Problems.CrossSite;
        }

        if (await sessions.FindAsync(http) is not { } session)
        {
            cookies.DropSession(http);
            limiting.Failed(http);
            metrics.Unauthenticated(SessionOver.Code);
            return Problems.Unauthenticated(SessionOver).With("sign_in", "/signin");
        }

        http.Features.Set(session);
        http.Features.Set(SessionKeeper.CallerOf(session));
        var answer = await next(context);
        return answer is Problem { Name: "sign-in-needed" } needed
            ? needed.With("sign_in", SignInEndpoints.AddressFor(session, needed))
            : answer;
    }

    private static TokenResult.Invalid SessionOver { get; } = new("session-over", "The session is over. Sign in again.");

    private async Task<bool> IsBlockedAsync(Caller caller)
    {
        var blocks = (await grains.GetGrain<IRestrictionsGrain>(IRestrictionsGrain.Key).Get()).Blocks;
        return !blocks.IsEmpty && blocks.Any(b => caller.Involved.Contains(b.Principal));
    }
}

internal static class AuthenticationExtensions
{
    /// <summary>Who calls; set by <see cref="Authentication"/>.</summary>
    public static Caller Caller(this HttpContext http) => http.Features.Get<Caller>() ?? throw new InvalidOperationException("the endpoint is not authenticated");
}
