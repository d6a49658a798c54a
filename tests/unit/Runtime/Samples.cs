using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Wire;

namespace JitGrains.UnitTests.Runtime;

/// <summary>Rows and messages for store tests.</summary>
internal static class Samples
{
    public static readonly DateTimeOffset T0 = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly PrincipalId Alice = new("dev:user:alice");

    public static OutboxMessage Command(int n) => new OutboxMessage.ConfirmGrant($"rq_{n}", $"gr_{n}");

    public static OutboxMessage Audit(string source, long sequence, string hash = "hash") => new OutboxMessage.Audit(Entry(source, sequence, hash: hash));

    public static AuditEntry Entry(
        string source, long sequence, DateTimeOffset? at = null, string type = AuditTypes.VoteCast, string hash = "hash", string? previous = null, params (string Name, string Value)[] data)
    {
        var body = JsonSerializer.Serialize(new
        {
            at = at ?? T0,
            data = data.ToDictionary(d => d.Name, d => d.Value),
            prev = previous ?? (sequence > 1 ? "hash" : ""),
            seq = sequence,
            source,
            type,
            v = 1,
        });
        var values = data.Where(d => d.Value.StartsWith("pd_", StringComparison.Ordinal)).Select(d => new PersonalValue(d.Value, $"value of {d.Value}"));
        return new AuditEntry(source, sequence, hash, body, [.. values]);
    }

    public static ApprovalRequestView Request(
        string id, RequestStatus status = RequestStatus.Pending, DateTimeOffset? raisedAt = null, PrincipalId? principal = null,
        string action = "orders.refund", string resource = "order=42", string rejoinKey = "rejoin", params PrincipalId[] actors) => new()
        {
            Id = id,
            Status = status,
            Principal = principal ?? Alice,
            Actors = [.. actors],
            Api = "orders",
            Action = action,
            Resource = resource,
            Binding = BindingKind.Payload,
            Summary = "Refund order 42",
            Reason = "customer called",
            WindowSeconds = 300,
            Rule = "refunds",
            PolicyVersion = "v1",
            Digest = "hmac-sha256;jit-review-1;x",
            RaisedAt = raisedAt ?? T0,
            ExpiresAt = (raisedAt ?? T0) + TimeSpan.FromHours(1),
            CallerKey = Caller.KeyOf(principal ?? Alice, [.. actors]),
            RejoinKey = rejoinKey,
        };

    public static GrantView Grant(string id, string requestId, GrantStatus status = GrantStatus.Active, DateTimeOffset? notBefore = null, PrincipalId? principal = null, string action = "orders.refund") => new()
    {
        Id = id,
        Status = status,
        RequestId = requestId,
        Principal = principal ?? Alice,
        Api = "orders",
        Action = action,
        Binding = BindingKind.Action,
        NotBefore = notBefore ?? T0,
        ExpiresAt = (notBefore ?? T0) + TimeSpan.FromMinutes(5),
        Rule = "refunds",
        CallerKey = (principal ?? Alice).Value,
    };

    public static ExecutionRecord Execution(string id, string grantId, string requestId, string incarnation = "gw_1", DateTimeOffset? startedAt = null, ExecutionOutcome? outcome = null) => new()
    {
        Id = id,
        GrantId = grantId,
        RequestId = requestId,
        CallerKey = Alice.Value,
        Incarnation = incarnation,
        Action = "orders.refund",
        Resource = "order=42",
        StartedAt = startedAt ?? T0,
        Outcome = outcome,
    };

    public static readonly ExecutionOutcome Completed = new(ExecutionStatus.Completed, 201, null, T0, T0, 10, 20);

    /// <summary>Writes messages as a grain's turn would.</summary>
    public static async Task WriteAsync(this IGrainStore store, string key, params OutboxMessage[] messages)
    {
        await using var session = await store.BeginTurnAsync(new GrainId("tally", key), readOnly: false, CancellationToken.None);
        await session.CommitAsync(new GrainWrite("{}", [.. messages.Select((m, i) => new OutboxRecord(i + 1, m))], []));
    }

    /// <summary>All pages of a list; fails on a refused cursor.</summary>
    public static async Task<List<T>> AllPagesAsync<T>(Func<string?, Task<PageReply<T>>> read)
    {
        var items = new List<T>();
        string? cursor = null;
        do
        {
            var page = Assert.IsType<PageReply<T>.Page>(await read(cursor));
            items.AddRange(page.Items);
            cursor = page.NextCursor;
        }
        while (cursor is not null);
        return items;
    }
}
