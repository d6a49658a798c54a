using JitGrains.Identity;
using JitGrains.Silo.Identity;
using JitGrains.Silo.Limits;
using JitGrains.Silo.Telemetry;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Lets nobody in without a good token, and tells the endpoint who it is.</summary>
internal sealed class Authentication(ITokenValidator tokens, Limiting limiting, SiloMetrics metrics, TimeProvider time) : IEndpointFilter
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

        switch (await tokens.ValidateAsync(Credentials.Of(http), time.GetUtcNow(), http.RequestAborted))
        {
            case TokenResult.Valid valid:
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
}

internal static class AuthenticationExtensions
{
    /// <summary>Who calls; set by <see cref="Authentication"/>.</summary>
    public static Caller Caller(this HttpContext http) => http.Features.Get<Caller>() ?? throw new InvalidOperationException("the endpoint is not authenticated");
}
