using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Wire;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore : IReadModel
{
    public Task<ApprovalRequestView?> GetRequestAsync(string id, CancellationToken cancellationToken = default) =>
        OneAsync("SELECT doc FROM requests WHERE id = $1", Doc<ApprovalRequestView>, cancellationToken, id);

    public async Task<IReadOnlyList<string>> ListDecidedAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken = default) =>
        await AllAsync(
            "SELECT id FROM requests WHERE id = ANY($1) AND status <> 'pending'", r => r.GetString(0), cancellationToken, (object)ids.ToArray());

    public Task<PageReply<ApprovalRequestView>> ListRequestsAsync(
        RequestFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        new PostgresPage('r', "SELECT doc FROM requests", "raised_at", "id")
            .And("status =", filter.Status is { } status ? PostgresWrite.Word(status) : null)
            .And("action =", filter.Action)
            .And("principal =", filter.Principal?.Value)
            .And("caller_key =", filter.CallerKey)
            .And("rejoin_key =", filter.RejoinKey)
            .RunAsync(this, cursor, limit, Doc<ApprovalRequestView>, r => new PageCursor('r', r.RaisedAt.UtcTicks, r.Id), cancellationToken);

    public async Task<IReadOnlyList<ApprovalRequestView>> ListSimilarRequestsAsync(
        ApprovalRequestView request, int limit, CancellationToken cancellationToken = default) =>
        await AllAsync(
            """
            SELECT doc FROM requests
            WHERE action = $1 AND (principal = $2 OR resource = $3) AND (raised_at, id) < ($4, $5)
            ORDER BY raised_at DESC, id DESC LIMIT $6
            """,
            Doc<ApprovalRequestView>,
            cancellationToken,
            request.Action, request.Principal.Value, request.Resource, request.RaisedAt.UtcTicks, request.Id, (long)PageLimits.Clamp(limit));

    public Task<GrantView?> GetGrantAsync(string id, CancellationToken cancellationToken = default) =>
        OneAsync("SELECT doc FROM grants WHERE id = $1", Doc<GrantView>, cancellationToken, id);

    public Task<GrantView?> GetGrantByRequestAsync(string requestId, CancellationToken cancellationToken = default) =>
        OneAsync("SELECT doc FROM grants WHERE request_id = $1", Doc<GrantView>, cancellationToken, requestId);

    public Task<PageReply<GrantView>> ListGrantsAsync(
        GrantFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        new PostgresPage('g', "SELECT doc FROM grants", "not_before", "id")
            .And("status =", filter.Status is { } status ? PostgresWrite.Word(status) : null)
            .And("action =", filter.Action)
            .And("principal =", filter.Principal?.Value)
            .And("caller_key =", filter.CallerKey)
            .RunAsync(this, cursor, limit, Doc<GrantView>, g => new PageCursor('g', g.NotBefore.UtcTicks, g.Id), cancellationToken);

    public Task<ExecutionRecord?> GetExecutionAsync(string id, CancellationToken cancellationToken = default) =>
        OneAsync("SELECT doc FROM executions WHERE id = $1", Doc<ExecutionRecord>, cancellationToken, id);

    public Task<PageReply<ExecutionRecord>> ListExecutionsAsync(
        string requestId, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        new PostgresPage('e', "SELECT doc FROM executions", "started_at", "id")
            .And("request_id =", requestId)
            .RunAsync(this, cursor, limit, Doc<ExecutionRecord>, e => new PageCursor('e', e.StartedAt.UtcTicks, e.Id), cancellationToken);

    public async Task<IReadOnlyList<ExecutionRecord>> ListOpenExecutionsAsync(string exceptIncarnation, CancellationToken cancellationToken = default) =>
        await AllAsync(
            "SELECT e.doc FROM open_executions o JOIN executions e ON e.id = o.id WHERE o.incarnation <> $1 ORDER BY o.started_at, o.id",
            Doc<ExecutionRecord>,
            cancellationToken,
            exceptIncarnation);

    public async Task<IReadOnlyList<string>> ListCallerKeysAsync(PrincipalId principal, CancellationToken cancellationToken = default) =>
        await AllAsync(
            "SELECT caller_key FROM callers WHERE principal = $1 ORDER BY caller_key", r => r.GetString(0), cancellationToken, principal.Value);

    private static T Doc<T>(NpgsqlDataReader r) => StoreJson.Parse<T>(r.GetString(0));
}
