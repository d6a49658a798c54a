using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;
using JitGrains.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Grants: list and revoke.</summary>
internal static class GrantEndpoints
{
    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/grants", ListAsync).WithName("listGrants").WithSummary("Grants that the caller may see, newest first")
            .WithQuery("status", "action", "principal", "cursor", "limit").Answers<PageView<GrantView>>();
        api.MapDelete("/grants/{id}", RevokeAsync).WithName("revokeGrant").WithSummary("Revokes a grant (operators, and approvers of its request)")
            .WithQuery("terminate").Takes<RevokeBody>(optional: true).Answers<RevocationResult>();
    }

    private static async Task<IResult> ListAsync(HttpContext http, Access access, IReadModel readModel, TimeProvider time)
    {
        var query = new QueryFields(http.Request);
        var filter = new GrantFilter { Status = query.Choice<GrantStatus>("status"), Action = query.Text("action"), Principal = query.Principal("principal") };
        var cursor = query.Text("cursor", 512);
        var limit = query.Limit();
        if (query.Finish() is { } problem)
            return problem;

        var caller = http.Caller();
        var now = time.GetUtcNow();
        return await VisiblePages.ReadAsync(
            limit,
            cursor,
            (from, count) => readModel.ListGrantsAsync(filter, from, count, http.RequestAborted),
            async item => (filter.Status is null || item.Now(now).Status == filter.Status)
                && (access.SeesAll(caller) || await RequestOf(item, caller, access, readModel, http.RequestAborted) is not null),
            item => item.Now(now));
    }

    private static async Task<IResult> RevokeAsync(string id, HttpContext http, Access access, IReadModel readModel, IRevocationService revocation, TimeProvider time)
    {
        if (!IdFormat.IsId(id, "gr_"))
            return Problems.BadRequest("id", "A grant's id begins with gr_ and has 26 characters after it.");
        var (order, malformed) = await RevocationEndpoints.OrderAsync(http);
        var query = new QueryFields(http.Request);
        // Clients whose DELETE carries no body say it in the query.
        order = order with { Terminate = order.Terminate || query.Flag("terminate") };
        malformed ??= query.Finish();
        if (malformed is not null)
            return malformed;

        var caller = http.Caller();
        // An operator may revoke any: there is nothing to look up first.
        if (!access.IsOperator(caller))
        {
            if (await readModel.GetGrantAsync(id, http.RequestAborted) is not { } grant
                || await RequestOf(grant, caller, access, readModel, http.RequestAborted) is not { } request)
            {
                return Problems.NotFound("grant");
            }

            if (!Access.IsApprover(caller, request))
                return Problems.Forbidden("Operators and the request's approvers revoke grants; holders give theirs back at the gateway.");
        }

        // Not cut short by a client that hangs up: what was begun is told to every gateway.
        var reply = await revocation.RevokeGrantAsync(id, order, CancellationToken.None);
        return reply.Value is { } result ? Json.Ok(result) : Problems.From(reply.Refusal!, time.GetUtcNow());
    }

    /// <summary>The request behind a grant, if the caller may see it.</summary>
    private static async Task<ApprovalRequestView?> RequestOf(GrantView grant, Caller caller, Access access, IReadModel readModel, CancellationToken cancellation) =>
        await readModel.GetRequestAsync(grant.RequestId, cancellation) is { } request && access.MaySee(caller, request) ? request : null;
}
