using JitGrains.Approvals;
using JitGrains.Silo.ControlPlane;
using JitGrains.Wire;

namespace JitGrains.Gateway.RequestPath;

/// <summary>An approval request as its caller sees it (the task of AuthZEN's access request profile).</summary>
internal sealed record TaskView
{
    public required string Id { get; init; }

    public required RequestStatus Status { get; init; }

    public required string Action { get; init; }

    public required string Resource { get; init; }

    /// <summary>Where to ask how it stands, on this gateway.</summary>
    public required string StatusEndpoint { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public required TaskLinks Links { get; init; }

    public TaskGrant? Grant { get; init; }
}

/// <summary>Where a task is found.</summary>
/// <param name="Self">On this gateway.</param>
/// <param name="Approve">For approvers, where a public URL of the control plane is configured.</param>
internal sealed record TaskLinks(string Self, string? Approve);

/// <summary>The grant that an approved task created.</summary>
internal sealed record TaskGrant(string Id, DateTimeOffset ExpiresAt, int? UsesLeft);

/// <summary>Makes tasks and the refusal that carries one. Stateless.</summary>
internal static class Tasks
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(5);

    /// <summary>The path of a request on the gateway.</summary>
    public static string PathOf(string requestId) => $"/.jit/requests/{requestId}";

    /// <summary>A task made from the request as it stands.</summary>
    public static TaskView Of(ApprovalRequestView request, GrantView? grant, Uri? publicUrl) => new()
    {
        Id = request.Id,
        Status = request.Status,
        Action = request.Action,
        Resource = request.Resource,
        StatusEndpoint = PathOf(request.Id),
        ExpiresAt = request.ExpiresAt,
        Links = LinksOf(request.Id, publicUrl),
        Grant = grant is null ? null : new TaskGrant(grant.Id, grant.ExpiresAt, grant.UsesLeft),
    };

    /// <summary>Where a request is found.</summary>
    public static TaskLinks LinksOf(string requestId, Uri? publicUrl) =>
        new(PathOf(requestId), publicUrl is null ? null : $"{publicUrl.AbsoluteUri.TrimEnd('/')}/api/v1/requests/{requestId}");

    /// <summary>Not decided yet: the way to re-join.</summary>
    public static Problem ApprovalRequired(TaskView task) =>
        new Problem("approval-required", 403, "Approval is required", "Send the same call again, or with the header Jit-Request, once it is approved.")
            .With("task", task).WithHeader(OwnHeaders.Request, task.Id).RetryAfter(Retry);
}
