using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Wire;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Requests, grants and executions as last shown by their grains, for lists and look-ups. Written in the grains' own
/// transactions and read from the primary store, so whoever got an answer from a grain finds it here. Thread-safe.
/// A status is as of the last turn: readers compare times themselves (an expired grant shows as active until its reminder fired).
/// Lists are newest first; a page's limit is held to <see cref="PageLimits"/>.
/// </summary>
public interface IReadModel
{
    /// <summary>A request, or null.</summary>
    Task<ApprovalRequestView?> GetRequestAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Those of these requests that are decided: everything but pending. Unknown ids are passed over.</summary>
    Task<IReadOnlyList<string>> ListDecidedAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken = default);

    /// <summary>Requests by the time they were raised.</summary>
    Task<PageReply<ApprovalRequestView>> ListRequestsAsync(
        RequestFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// Requests raised before this one with the same action and either the same principal or the same resource, newest first.
    /// </summary>
    Task<IReadOnlyList<ApprovalRequestView>> ListSimilarRequestsAsync(
        ApprovalRequestView request, int limit, CancellationToken cancellationToken = default);

    /// <summary>A grant, or null.</summary>
    Task<GrantView?> GetGrantAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>The grant that a request created, or null.</summary>
    Task<GrantView?> GetGrantByRequestAsync(string requestId, CancellationToken cancellationToken = default);

    /// <summary>Grants by the start of their windows.</summary>
    Task<PageReply<GrantView>> ListGrantsAsync(
        GrantFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default);

    /// <summary>An execution, or null.</summary>
    Task<ExecutionRecord?> GetExecutionAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>A request's executions by the time they started.</summary>
    Task<PageReply<ExecutionRecord>> ListExecutionsAsync(
        string requestId, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default);

    /// <summary>
    /// All executions without an outcome that were started by another gateway incarnation than this one, oldest first:
    /// in a process that just started, those that the last one was cut off in.
    /// </summary>
    Task<IReadOnlyList<ExecutionRecord>> ListOpenExecutionsAsync(string exceptIncarnation, CancellationToken cancellationToken = default);

    /// <summary>Every caller key (subject and actor chain) seen so far in which this principal is the subject or any actor.</summary>
    Task<IReadOnlyList<string>> ListCallerKeysAsync(PrincipalId principal, CancellationToken cancellationToken = default);
}

/// <summary>Which requests; what is null does not matter.</summary>
public sealed record RequestFilter
{
    /// <summary>Every request.</summary>
    public static readonly RequestFilter All = new();

    /// <summary>With this status.</summary>
    public RequestStatus? Status { get; init; }

    /// <summary>For this action.</summary>
    public string? Action { get; init; }

    /// <summary>With this subject, whoever acts for it.</summary>
    public PrincipalId? Principal { get; init; }

    /// <summary>By exactly this caller.</summary>
    public string? CallerKey { get; init; }

    /// <summary>For exactly this ask.</summary>
    public string? RejoinKey { get; init; }
}

/// <summary>Which grants; what is null does not matter.</summary>
public sealed record GrantFilter
{
    /// <summary>Every grant.</summary>
    public static readonly GrantFilter All = new();

    /// <summary>With this status.</summary>
    public GrantStatus? Status { get; init; }

    /// <summary>For this action.</summary>
    public string? Action { get; init; }

    /// <summary>With this subject, whoever acts for it.</summary>
    public PrincipalId? Principal { get; init; }

    /// <summary>Of exactly this caller.</summary>
    public string? CallerKey { get; init; }
}
