using JitGrains.Runtime.Engine;
using JitGrains.Silo.Policies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Whether the process is ready.</summary>
/// <param name="Status"><c>ready</c>, <c>degraded</c> (serves by the last good policy) or <c>unready</c>.</param>
/// <param name="Policy">The version in force, and whether the files say something else.</param>
/// <param name="Store">Whether the store takes writes.</param>
public sealed record Readiness(string Status, ReadinessPolicy Policy, string Store);

/// <summary>The policy, as far as readiness goes.</summary>
public sealed record ReadinessPolicy(string Version, bool Degraded);

/// <summary>Liveness and readiness, without a token and without anything that should stay inside.</summary>
public static class HealthEndpoints
{
    /// <summary>Maps readiness here too: the gateway's <c>/.jit/readyz</c> says the same.</summary>
    public static async Task<IResult> ReadyAsync(HttpContext http, IStoreHealth store, IPolicyProvider policies)
    {
        http.Response.Headers.CacheControl = "no-store";
        var health = await store.CheckAsync(http.RequestAborted);
        var policy = policies.Status;
        var status = !health.IsHealthy ? "unready" : policy.Degraded ? "degraded" : "ready";
        var readiness = new Readiness(status, new ReadinessPolicy(policy.Version, policy.Degraded), health.IsHealthy ? "ok" : "failing");
        return Results.Json(readiness, JitGrains.Json.JitJson.Options, statusCode: health.IsHealthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    internal static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet("/healthz", static () => Results.Json(new { status = "ok" })).WithName("health").WithSummary("Whether the process lives");
        endpoints.MapGet("/readyz", ReadyAsync).WithName("ready").WithSummary("Whether the process is ready").Answers<Readiness>().Answers<Readiness>(StatusCodes.Status503ServiceUnavailable);
    }
}
