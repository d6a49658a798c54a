using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Sessions;
using JitGrains.Silo.ControlPlane;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.SignIn;

/// <summary>Who the control plane takes the caller for.</summary>
/// <param name="Principal">Who calls.</param>
/// <param name="Actors">Who acts for the principal, nearest first.</param>
/// <param name="Groups">Qualified groups.</param>
/// <param name="Roles"><c>operator</c>, <c>auditor</c>. Who may approve a request is for its stages to say.</param>
/// <param name="SignIn">How and when the principal has signed in, as far as it is known.</param>
/// <param name="AuthenticatedAt">What the freshness of a vote is counted from.</param>
/// <param name="ExpiresAt">When token or session end.</param>
/// <param name="Session">The id of the browser's session, where the call is made in one.</param>
public sealed record MeView(
    PrincipalId Principal,
    ImmutableArray<PrincipalId> Actors,
    ImmutableArray<string> Groups,
    ImmutableArray<string> Roles,
    JitGrains.Identity.SignIn SignIn,
    DateTimeOffset AuthenticatedAt,
    DateTimeOffset ExpiresAt,
    string? Session);

/// <summary>One of the caller's sessions.</summary>
/// <param name="Id">Its id.</param>
/// <param name="OpenedAt">When it was begun.</param>
/// <param name="UsedAt">When it was last used, to within a minute.</param>
/// <param name="EndsAt">When it ends if it is not used.</param>
/// <param name="ExpiresAt">When it ends at the latest.</param>
/// <param name="Current">Whether this call is made in it.</param>
public sealed record SessionView(string Id, DateTimeOffset OpenedAt, DateTimeOffset UsedAt, DateTimeOffset EndsAt, DateTimeOffset ExpiresAt, bool Current);

/// <summary>The caller itself, and its sessions.</summary>
internal static class MeEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/me", Me).WithName("me").WithSummary("Who the control plane takes the caller for").Answers<MeView>();
        api.MapGet("/me/sessions", ListAsync).WithName("listSessions").WithSummary("The caller's sessions in browsers").Answers<ListView<SessionView>>();
        api.MapDelete("/me/sessions/{id}", EndAsync).WithName("endSession").WithSummary("Ends one of the caller's sessions, everywhere at once").Produces(StatusCodes.Status204NoContent);
    }

    private static IResult Me(HttpContext http, Access access)
    {
        if (new QueryFields(http.Request).Finish() is { } problem)
            return problem;
        var caller = http.Caller();
        return ControlPlane.Json.Ok(new MeView(
            caller.Principal,
            caller.Actors,
            [.. caller.Groups.Order(StringComparer.Ordinal)],
            [.. access.RolesOf(caller)],
            caller.SignIn,
            caller.TokenIssuedAt,
            caller.TokenExpiresAt,
            http.Features.Get<Session>()?.Id));
    }

    private static async Task<IResult> ListAsync(HttpContext http, IGrainFactory grains)
    {
        if (new QueryFields(http.Request).Finish() is { } problem)
            return problem;
        if (NotInPerson(http.Caller()) is { } refused)
            return refused;
        var current = http.Features.Get<Session>()?.Id;
        var sessions = await grains.GetGrain<ISessionsGrain>(http.Caller().Principal.Value).List();
        return ControlPlane.Json.Ok(new ListView<SessionView>([.. sessions.Items.Select(s => new SessionView(s.Id, s.OpenedAt, s.UsedAt, s.EndsAt, s.ExpiresAt, s.Id == current))]));
    }

    private static async Task<IResult> EndAsync(string id, HttpContext http, IGrainFactory grains)
    {
        if (!IdFormat.IsId(id, "ss_"))
            return Problems.BadRequest("id", "A session's id begins with ss_ and has 26 characters after it.");
        if (NotInPerson(http.Caller()) is { } refused)
            return refused;
        var sessions = grains.GetGrain<ISessionsGrain>(http.Caller().Principal.Value);
        if (!(await sessions.List()).Items.Any(s => s.Id == id))
            return Problems.NotFound("session");
        await sessions.End(new EndSession(id, SessionEnds.Revoked));
        return Results.NoContent();
    }

    private static Problem? NotInPerson(Caller caller) =>
        caller.Actors.IsDefaultOrEmpty ? null : Problems.Forbidden("Sessions are their person's own, and nobody's who acts for the person.");
}
