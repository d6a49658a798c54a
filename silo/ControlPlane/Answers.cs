using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Wire;

namespace JitGrains.Silo.ControlPlane;

/// <summary>A page of a list.</summary>
/// <param name="Items">The items.</param>
/// <param name="NextCursor">What to pass as <c>cursor</c> for the next page; absent after the last. A page may be short and yet not the last.</param>
public sealed record PageView<T>(ImmutableArray<T> Items, string? NextCursor);

/// <summary>A request with what an approver needs around it.</summary>
/// <param name="Request">The request.</param>
/// <param name="Earlier">Earlier requests for the same action by the same principal or on the same resource.</param>
/// <param name="Executions">What was run under its grant.</param>
public sealed record RequestDetail(ApprovalRequestView Request, ImmutableArray<EarlierRequest> Earlier, ImmutableArray<ExecutionView> Executions);

/// <summary>An earlier request, in short.</summary>
public sealed record EarlierRequest(string Id, RequestStatus Status, string Principal, string Action, string Resource, string? Reason, DateTimeOffset RaisedAt);

/// <summary>An execution, without what concerns gateways only.</summary>
public sealed record ExecutionView(string Id, ExecutionStatus Status, int? HttpStatus, string? Error, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, long? RequestBytes, long? ResponseBytes)
{
    /// <summary>The view of a record.</summary>
    public static ExecutionView Of(ExecutionRecord record) => new(
        record.Id,
        record.Outcome?.Status ?? ExecutionStatus.Started,
        record.Outcome?.HttpStatus,
        record.Outcome?.Error,
        record.StartedAt,
        record.Outcome?.EndedAt,
        record.Outcome?.RequestBytes,
        record.Outcome?.ResponseBytes);
}

/// <summary>A vote as sent.</summary>
/// <param name="Decision">In favour or against.</param>
/// <param name="Comment">At most 500 characters.</param>
/// <param name="Digest">The digest of the request that the approver saw.</param>
public sealed record VoteBody(VoteDecision Decision, string? Comment, string Digest);

/// <summary>Why something is revoked.</summary>
/// <param name="Reason">At most 500 characters.</param>
/// <param name="Terminate">Whether running executions are cut even where their action drains.</param>
public sealed record RevokeBody(string? Reason, bool? Terminate);

/// <summary>Views as of now: the read model shows what the last turn left, and time may have passed.</summary>
internal static class AsOf
{
    public static ApprovalRequestView Now(this ApprovalRequestView request, DateTimeOffset now) =>
        request.Status == RequestStatus.Pending && now >= request.ExpiresAt && !IsBeingGranted(request)
            ? request with { Status = RequestStatus.Expired, DecidedAt = request.ExpiresAt }
            : request;

    /// <summary>Decided in favour, its grant in the making: no longer bound by the deadline.</summary>
    private static bool IsBeingGranted(ApprovalRequestView request) =>
        request.Automatic || request.Stages.All(s => s.Approvals >= s.Quorum);

    public static GrantView Now(this GrantView grant, DateTimeOffset now) =>
        grant.Status == GrantStatus.Active && now >= grant.ExpiresAt
            ? grant with { Status = GrantStatus.Expired, EndedAt = grant.ExpiresAt }
            : grant;
}
