using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.Limits;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Limits;
using JitGrains.Wire;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Approval requests: list, read, vote, cancel.</summary>
internal static class RequestEndpoints
{
    private const int Earlier = 10;

    public static void Map(IEndpointRouteBuilder api)
    {
        api.MapGet("/requests", ListAsync).WithName("listRequests").WithSummary("Approval requests that the caller may see, newest first")
            .WithQuery("status", "action", "principal", "cursor", "limit").Answers<PageView<ApprovalRequestView>>();
        api.MapGet("/requests/{id}", GetAsync).WithName("getRequest").WithSummary("Everything that an approver needs").Answers<RequestDetail>();
        api.MapPost("/requests/{id}/votes", VoteAsync).WithName("vote").WithSummary("Votes on a request")
            .Takes<VoteBody>().Answers<ApprovalRequestView>();
        api.MapDelete("/requests/{id}", CancelAsync).WithName("cancelRequest").WithSummary("Cancels a request (operators)").Answers<ApprovalRequestView>();
    }

    private static async Task<IResult> ListAsync(HttpContext http, Access access, IReadModel readModel, TimeProvider time)
    {
        var query = new QueryFields(http.Request);
        var filter = new RequestFilter { Status = query.Choice<RequestStatus>("status"), Action = query.Text("action"), Principal = query.Principal("principal") };
        var cursor = query.Text("cursor", 512);
        var limit = query.Limit();
        if (query.Finish() is { } problem)
            return problem;

        var caller = http.Caller();
        var now = time.GetUtcNow();
        return await VisiblePages.ReadAsync(
            limit,
            cursor,
            (from, count) => readModel.ListRequestsAsync(filter, from, count, http.RequestAborted),
            item => ValueTask.FromResult(access.MaySee(caller, item) && (filter.Status is null || item.Now(now).Status == filter.Status)),
            item => item.Now(now));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext http, Access access, IReadModel readModel, TimeProvider time)
    {
        var (request, problem) = await FindAsync(id, http, access, readModel);
        if (request is null)
            return problem!;
        var caller = http.Caller();
        var now = time.GetUtcNow();
        var earlier = await readModel.ListSimilarRequestsAsync(request, Earlier, http.RequestAborted);
        var executions = await readModel.ListExecutionsAsync(id, cancellationToken: http.RequestAborted);
        return Json.Ok(new RequestDetail(
            request.Now(now),
            [.. earlier.Where(e => access.MaySee(caller, e)).Select(e => new EarlierRequest(e.Id, e.Now(now).Status, e.Principal.Value, e.Action, e.Resource, e.Reason, e.RaisedAt))],
            [.. executions is PageReply<Grants.ExecutionRecord>.Page page ? page.Items.Select(ExecutionView.Of) : []]));
    }

    private static async Task<IResult> VoteAsync(string id, HttpContext http, Access access, IReadModel readModel, IGrainFactory grains, Limiting limiting, SiloOptions options, TimeProvider time)
    {
        if (limiting.Take(LimitSubject.Votes, http, http.Caller()) is { } limited)
            return limited;
        var body = await BodyFields.ReadAsync(http);
        var decision = body.Choice<VoteDecision>("decision");
        var comment = body.Sentence("comment");
        var digest = body.Text("digest", 256, required: true);
        if (body.Finish() is { } malformed)
            return malformed;

        var caller = http.Caller();
        var stale = VoteFreshness.ProblemOf(caller, time.GetUtcNow(), options.VoteTokenAge);
        // Otherwise whether the caller may know of it is asked only where the vote does not count: a held call waits for this, and the
        // grain counts nobody's who may not.
        if (stale is not null || !IdFormat.IsId(id, "rq_"))
            return (await FindAsync(id, http, access, readModel)).Problem ?? stale!;
        // Nobody votes by way of a job or key either.
        var reply = await grains.GetGrain<IApprovalRequestGrain>(id)
            .Vote(new VoteCommand(caller.Principal, [.. caller.Actors, .. caller.Excluded], [.. caller.Groups.Order(StringComparer.Ordinal)], decision, comment, digest!, caller.SignIn));
        if (reply.Value is { } view)
            return Json.Ok(view);
        // Whoever may not know of it does not learn from this why it was refused.
        return (await FindAsync(id, http, access, readModel)).Problem ?? Problems.From(reply.Refusal!, time.GetUtcNow());
    }

    private static async Task<IResult> CancelAsync(string id, HttpContext http, Access access, IReadModel readModel, IGrainFactory grains, TimeProvider time)
    {
        var (request, problem) = await FindAsync(id, http, access, readModel);
        if (request is null)
            return problem!;
        var caller = http.Caller();
        if (!access.IsOperator(caller))
            return Problems.Forbidden("Only operators cancel other people's requests; callers cancel their own at the gateway.");
        var reply = await grains.GetGrain<IApprovalRequestGrain>(id).Cancel(new CancelCommand(caller.Principal, caller.Key, Operator: true));
        return reply.Value is { } view ? Json.Ok(view) : Problems.From(reply.Refusal!, time.GetUtcNow());
    }

    /// <summary>The request, if there is one and the caller may know of it; otherwise the same 404 for both.</summary>
    private static async Task<(ApprovalRequestView? Request, Problem? Problem)> FindAsync(string id, HttpContext http, Access access, IReadModel readModel)
    {
        if (!IdFormat.IsId(id, "rq_"))
            return (null, Problems.BadRequest("id", "A request's id begins with rq_ and has 26 characters after it."));
        var request = await readModel.GetRequestAsync(id, http.RequestAborted);
        return request is not null && access.MaySee(http.Caller(), request) ? (request, null) : (null, Problems.NotFound("request"));
    }
}
