using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Wire;

namespace JitGrains.Runtime.Engine;

internal sealed partial class MemoryStore : IReadModel
{
    private readonly Dictionary<string, string> requests = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> grants = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> executions = new(StringComparer.Ordinal);
    private readonly SortedSet<(string Principal, string CallerKey)> callers = [];

    public Task<ApprovalRequestView?> GetRequestAsync(string id, CancellationToken cancellationToken = default) =>
        Task.FromResult(Get<ApprovalRequestView>(requests, id));

    public Task<IReadOnlyList<string>> ListDecidedAsync(IReadOnlyCollection<string> ids, CancellationToken cancellationToken = default) =>
        Task.FromResult<IReadOnlyList<string>>([.. ids.Where(id => Get<ApprovalRequestView>(requests, id) is { Status: not RequestStatus.Pending })]);

    public Task<PageReply<ApprovalRequestView>> ListRequestsAsync(
        RequestFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default)
    {
        var rows = All<ApprovalRequestView>(requests)
            .Where(r => filter.Status is null || r.Status == filter.Status)
            .Where(r => filter.Action is null || r.Action == filter.Action)
            .Where(r => filter.Principal is null || r.Principal == filter.Principal)
            .Where(r => filter.CallerKey is null || r.CallerKey == filter.CallerKey)
            .Where(r => filter.RejoinKey is null || r.RejoinKey == filter.RejoinKey);
        return Task.FromResult(Page('r', rows, Place, r => r, cursor, limit));
    }

    public Task<IReadOnlyList<ApprovalRequestView>> ListSimilarRequestsAsync(
        ApprovalRequestView request, int limit, CancellationToken cancellationToken = default)
    {
        var similar = All<ApprovalRequestView>(requests)
            .Where(r => r.Action == request.Action && (r.Principal == request.Principal || r.Resource == request.Resource))
            .Where(r => Place(request).IsBefore(r.RaisedAt.UtcTicks, r.Id));
        return Task.FromResult<IReadOnlyList<ApprovalRequestView>>([.. NewestFirst(similar, Place).Take(PageLimits.Clamp(limit))]);
    }

    public Task<GrantView?> GetGrantAsync(string id, CancellationToken cancellationToken = default) => Task.FromResult(Get<GrantView>(grants, id));

    public Task<GrantView?> GetGrantByRequestAsync(string requestId, CancellationToken cancellationToken = default) =>
        Task.FromResult(All<GrantView>(grants).FirstOrDefault(g => g.RequestId == requestId));

    public Task<PageReply<GrantView>> ListGrantsAsync(
        GrantFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default)
    {
        var rows = All<GrantView>(grants)
            .Where(g => filter.Status is null || g.Status == filter.Status)
            .Where(g => filter.Action is null || g.Action == filter.Action)
            .Where(g => filter.Principal is null || g.Principal == filter.Principal)
            .Where(g => filter.CallerKey is null || g.CallerKey == filter.CallerKey);
        return Task.FromResult(Page('g', rows, g => new PageCursor('g', g.NotBefore.UtcTicks, g.Id), g => g, cursor, limit));
    }

    public Task<ExecutionRecord?> GetExecutionAsync(string id, CancellationToken cancellationToken = default) =>
        Task.FromResult(Get<ExecutionRecord>(executions, id));

    public Task<PageReply<ExecutionRecord>> ListExecutionsAsync(
        string requestId, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default)
    {
        var rows = All<ExecutionRecord>(executions).Where(e => e.RequestId == requestId);
        return Task.FromResult(Page('e', rows, e => new PageCursor('e', e.StartedAt.UtcTicks, e.Id), e => e, cursor, limit));
    }

    public Task<IReadOnlyList<ExecutionRecord>> ListOpenExecutionsAsync(string exceptIncarnation, CancellationToken cancellationToken = default) =>
        Task.FromResult<IReadOnlyList<ExecutionRecord>>([.. All<ExecutionRecord>(executions)
            .Where(e => e.Outcome is null && e.Incarnation != exceptIncarnation)
            .OrderBy(e => e.StartedAt).ThenBy(e => e.Id, StringComparer.Ordinal)]);

    public Task<IReadOnlyList<string>> ListCallerKeysAsync(PrincipalId principal, CancellationToken cancellationToken = default)
    {
        lock (gate)
            return Task.FromResult<IReadOnlyList<string>>([.. callers.Where(c => c.Principal == principal.Value).Select(c => c.CallerKey).Order(StringComparer.Ordinal)]);
    }

    private static PageCursor Place(ApprovalRequestView request) => new('r', request.RaisedAt.UtcTicks, request.Id);

    private static IEnumerable<TRow> NewestFirst<TRow>(IEnumerable<TRow> rows, Func<TRow, PageCursor> place) =>
        rows.OrderByDescending(r => place(r).Ticks).ThenByDescending(r => place(r).Id, StringComparer.Ordinal).ThenByDescending(r => place(r).Number);

    private static PageReply<T> Page<TRow, T>(
        char list, IEnumerable<TRow> rows, Func<TRow, PageCursor> place, Func<TRow, T> item, string? cursor, int? limit)
    {
        if (!PageCursor.TryParse(cursor, list, out var after))
            return new PageReply<T>.MalformedCursor();
        var size = PageLimits.Clamp(limit);
        var page = NewestFirst(rows, place).Where(r => after.Value.IsBefore(place(r).Ticks, place(r).Id, place(r).Number)).Take(size + 1).ToArray();
        return new PageReply<T>.Page([.. page.Take(size).Select(item)], page.Length > size ? place(page[size - 1]).ToString() : null);
    }

    private T? Get<T>(Dictionary<string, string> table, string id)
        where T : class
    {
        lock (gate)
            return table.TryGetValue(id, out var json) ? StoreJson.Parse<T>(json) : null;
    }

    private List<T> All<T>(Dictionary<string, string> table)
    {
        lock (gate)
            return [.. table.Values.Select(StoreJson.Parse<T>)];
    }

    private Action PrepareRow(OutboxMessage message)
    {
        switch (message)
        {
            case OutboxMessage.Audit { Entry: var entry }:
                return PrepareAudit(entry);
            case OutboxMessage.ShowRequest { Request: var request }:
                return Upsert(requests, request.Id, request, [request.Principal, .. request.Actors], request.CallerKey);
            case OutboxMessage.ShowGrant { Grant: var grant }:
                return Upsert(grants, grant.Id, grant, [grant.Principal, .. grant.Actors], grant.CallerKey);
            case OutboxMessage.ShowExecution { Execution: var execution }:
                return Upsert(executions, execution.Id, execution, [], execution.CallerKey);
            case OutboxMessage.ShowPolicy { Policy: var policy }:
                var json = StoreJson.Print(policy);
                return () => policies.Add(policy.Sequence, json);
            default:
                throw new InvalidOperationException($"{message.GetType().Name} has no table");
        }
    }

    private Action Upsert<T>(Dictionary<string, string> table, string id, T row, PrincipalId[] involved, string callerKey)
    {
        var json = StoreJson.Print(row);
        return () =>
        {
            table[id] = json;
            foreach (var principal in involved)
                callers.Add((principal.Value, callerKey));
        };
    }
}
