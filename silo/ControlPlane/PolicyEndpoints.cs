using System.Collections.Immutable;
using JitGrains.Silo.Policies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.ControlPlane;

/// <summary>The policy in force.</summary>
/// <param name="Version">Its version.</param>
/// <param name="Status"><c>active</c>, or <c>degraded</c> where the files say something that cannot be taken.</param>
/// <param name="LoadedAt">When it was loaded.</param>
/// <param name="Problems">What is wrong with the files as they are now; operators and auditors only.</param>
/// <param name="Files">Their names; operators and auditors only.</param>
public sealed record PolicyView(string Version, string Status, DateTimeOffset LoadedAt, ImmutableArray<string>? Problems, ImmutableArray<string>? Files);

/// <summary>The policy's state.</summary>
internal static class PolicyEndpoints
{
    public static void Map(IEndpointRouteBuilder api) =>
        api.MapGet("/policy", Get).WithName("getPolicy").WithSummary("The policy in force").Answers<PolicyView>();

    private static IResult Get(HttpContext http, Access access, IPolicyProvider policies)
    {
        if (new QueryFields(http.Request).Finish() is { } problem)
            return problem;
        var status = policies.Status;
        var all = access.SeesAll(http.Caller());
        return Json.Ok(new PolicyView(
            status.Version,
            status.Degraded ? "degraded" : "active",
            status.LoadedAt,
            all ? status.Problems : null,
            all ? status.Files : null));
    }
}
