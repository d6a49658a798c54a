using JitGrains.Approvals;
using JitGrains.Gateway.Hosting;
using JitGrains.Grants;
using JitGrains.Policy;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.ControlPlane;
using JitGrains.Wire;

namespace JitGrains.Gateway.RequestPath;

/// <summary>Looks approval requests up for the callers that made them. Thread-safe.</summary>
internal sealed class RequestLookup(IReadModel readModel, PublicUrl publicUrl, TimeProvider time)
{
    private static readonly TimeSpan FirstLook = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LastLook = TimeSpan.FromSeconds(1);

    /// <summary>The request as it stands by the clock: past its deadline it is expired, whether or not anybody noticed.</summary>
    public async Task<ApprovalRequestView?> Find(string id) =>
        await readModel.GetRequestAsync(id) is { } view
            ? view is { Status: RequestStatus.Pending, DecidedAt: null } && time.GetUtcNow() >= view.ExpiresAt ? view with { Status = RequestStatus.Expired } : view
            : null;

    /// <summary>A request that was just raised: waits a moment for its grain to have shown it. Null where that takes longer.</summary>
    public async Task<ApprovalRequestView?> FindRaised(string id)
    {
        var view = await Find(id);
        for (var wait = FirstLook; view is null && wait < LastLook; wait *= 2)
        {
            await Task.Delay(wait, time);
            view = await Find(id);
        }

        return view;
    }

    /// <summary>The caller's pending request for exactly this ask, or null.</summary>
    public async Task<string?> FindOpen(Ask ask)
    {
        var filter = new RequestFilter { CallerKey = ask.CallerKey, RejoinKey = ask.RejoinKey, Status = RequestStatus.Pending };
        return await readModel.ListRequestsAsync(filter, limit: 1) is PageReply<ApprovalRequestView>.Page { Items: [var open, ..] } && time.GetUtcNow() < open.ExpiresAt
            ? open.Id
            : null;
    }

    /// <summary>The task for a request.</summary>
    public async Task<TaskView> TaskOf(ApprovalRequestView view)
    {
        var grant = view.GrantId is { } id ? await readModel.GetGrantAsync(id) : null;
        return Tasks.Of(view, grant, publicUrl.Value);
    }

    /// <summary>The task for a request, also where it is so new that its grain has not shown it yet.</summary>
    public TaskView TaskOf(string requestId, ActionMatch.Found match, ApprovalTerms terms, ApprovalRequestView? view) => view is not null
        ? Tasks.Of(view, null, publicUrl.Value)
        : new TaskView
        {
            Id = requestId,
            Status = RequestStatus.Pending,
            Action = match.Action.Name,
            Resource = AskFactory.ResourceOf(match),
            StatusEndpoint = Tasks.PathOf(requestId),
            ExpiresAt = time.GetUtcNow() + terms.DecideWithin,
            Links = Tasks.LinksOf(requestId, publicUrl.Value),
        };

    /// <summary>Why an approved request's grant does not let a call run.</summary>
    public async Task<Problem> WhyNotUsable(string requestId)
    {
        var grant = await readModel.GetGrantByRequestAsync(requestId);
        if (grant is { Status: GrantStatus.Active } && time.GetUtcNow() < grant.ExpiresAt)
        {
            return GatewayProblems.Denied("The approval given does not satisfy the policy as it is now. Give the grant back and ask again.")
                .With("grant", grant.Id);
        }

        var uses = await readModel.ListExecutionsAsync(requestId, limit: 1);
        return uses is PageReply<ExecutionRecord>.Page { Items: [var last, ..] }
            ? GatewayProblems.AlreadyUsed(requestId, last, time)
            : GatewayProblems.Denied("The grant of this request has ended. Send the call without Jit-Request to ask anew.");
    }
}
