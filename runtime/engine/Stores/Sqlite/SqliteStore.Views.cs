using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Wire;
using Microsoft.Data.Sqlite;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore : IReadModel
{
    public Task<ApprovalRequestView?> GetRequestAsync(string id, CancellationToken cancellationToken = default) =>
        readers.ReadAsync(db => db.One("SELECT doc FROM requests WHERE id = $1", Doc<ApprovalRequestView>, id), cancellationToken);

    public async Task<IReadOnlyList<string>> ListDecidedAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken = default) =>
        await readers.ReadAsync(
            db => db.All(
                "SELECT id FROM requests WHERE id IN (SELECT value FROM json_each($1)) AND status <> 'pending'", r => r.GetString(0), StoreJson.Print(ids)),
            cancellationToken);

    public Task<PageReply<ApprovalRequestView>> ListRequestsAsync(
        RequestFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        new PageQuery('r', "SELECT doc FROM requests", "raised_at", "id")
            .And("status =", filter.Status is { } status ? Word(status) : null)
            .And("action =", filter.Action)
            .And("principal =", filter.Principal?.Value)
            .And("caller_key =", filter.CallerKey)
            .And("rejoin_key =", filter.RejoinKey)
            .RunAsync(readers, cursor, limit, Doc<ApprovalRequestView>, r => new PageCursor('r', r.RaisedAt.UtcTicks, r.Id), cancellationToken);

    public async Task<IReadOnlyList<ApprovalRequestView>> ListSimilarRequestsAsync(
        ApprovalRequestView request, int limit, CancellationToken cancellationToken = default) =>
        await readers.ReadAsync(
            db => db.All(
                """
                SELECT doc FROM requests
                WHERE action = $1 AND (principal = $2 OR resource = $3) AND (raised_at, id) < ($4, $5)
                ORDER BY raised_at DESC, id DESC LIMIT $6
                """,
                Doc<ApprovalRequestView>,
                request.Action, request.Principal.Value, request.Resource, request.RaisedAt.UtcTicks, request.Id, PageLimits.Clamp(limit)),
            cancellationToken);

    public Task<GrantView?> GetGrantAsync(string id, CancellationToken cancellationToken = default) =>
        readers.ReadAsync(db => db.One("SELECT doc FROM grants WHERE id = $1", Doc<GrantView>, id), cancellationToken);

    public Task<GrantView?> GetGrantByRequestAsync(string requestId, CancellationToken cancellationToken = default) =>
        readers.ReadAsync(db => db.One("SELECT doc FROM grants WHERE request_id = $1", Doc<GrantView>, requestId), cancellationToken);

    public Task<PageReply<GrantView>> ListGrantsAsync(
        GrantFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        new PageQuery('g', "SELECT doc FROM grants", "not_before", "id")
            .And("status =", filter.Status is { } status ? Word(status) : null)
            .And("action =", filter.Action)
            .And("principal =", filter.Principal?.Value)
            .And("caller_key =", filter.CallerKey)
            .RunAsync(readers, cursor, limit, Doc<GrantView>, g => new PageCursor('g', g.NotBefore.UtcTicks, g.Id), cancellationToken);

    public Task<ExecutionRecord?> GetExecutionAsync(string id, CancellationToken cancellationToken = default) =>
        readers.ReadAsync(db => db.One("SELECT doc FROM executions WHERE id = $1", Doc<ExecutionRecord>, id), cancellationToken);

    public Task<PageReply<ExecutionRecord>> ListExecutionsAsync(
        string requestId, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
        new PageQuery('e', "SELECT doc FROM executions", "started_at", "id")
            .And("request_id =", requestId)
            .RunAsync(readers, cursor, limit, Doc<ExecutionRecord>, e => new PageCursor('e', e.StartedAt.UtcTicks, e.Id), cancellationToken);

    public async Task<IReadOnlyList<ExecutionRecord>> ListOpenExecutionsAsync(string exceptIncarnation, CancellationToken cancellationToken = default) =>
        await readers.ReadAsync(
            db => db.All(
                "SELECT doc FROM executions WHERE status = 'started' AND incarnation <> $1 ORDER BY started_at, id", Doc<ExecutionRecord>, exceptIncarnation),
            cancellationToken);

    public async Task<IReadOnlyList<string>> ListCallerKeysAsync(PrincipalId principal, CancellationToken cancellationToken = default) =>
        await readers.ReadAsync(
            db => db.All("SELECT caller_key FROM callers WHERE principal = $1 ORDER BY caller_key", r => r.GetString(0), principal.Value), cancellationToken);

    private static T Doc<T>(SqliteDataReader r) => StoreJson.Parse<T>(r.GetString(0));
}
