using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore : IDeliveryQueue
{
    public Task EnqueueAsync(NewDelivery delivery, CancellationToken cancellationToken = default) =>
        ExecuteAsync(
            """
            INSERT INTO deliveries (id, target, type, body, state, attempts, queued_at, next_at)
            VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5) ON CONFLICT DO NOTHING
            """,
            cancellationToken,
            delivery.Id, delivery.Target, delivery.Type, delivery.Body, time.GetUtcNow().UtcTicks);

    public async Task<IReadOnlyList<Delivery>> ClaimDueAsync(DateTimeOffset now, TimeSpan lease, int limit, CancellationToken cancellationToken = default)
    {
        var claimed = await AllAsync(
            """
            WITH due AS (
                SELECT id, next_at FROM deliveries WHERE state = 'pending' AND next_at <= $1 ORDER BY next_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)
            UPDATE deliveries d SET next_at = $3 FROM due WHERE d.id = due.id
            RETURNING d.id, d.target, d.type, d.body, d.attempts, d.queued_at, due.next_at
            """,
            ReadDelivery,
            cancellationToken,
            now.UtcTicks, (long)limit, (now + lease).UtcTicks);
        return [.. claimed.OrderBy(d => d.NextAt).ThenBy(d => d.Id, StringComparer.Ordinal)];
    }

    public Task<DateTimeOffset?> NextDueAsync(CancellationToken cancellationToken = default) =>
        OneAsync("SELECT next_at FROM deliveries WHERE state = 'pending' ORDER BY next_at LIMIT 1", r => (DateTimeOffset?)ReadTime(r, 0), cancellationToken);

    public Task CompleteAsync(string id, CancellationToken cancellationToken = default) =>
        ExecuteAsync("UPDATE deliveries SET state = 'delivered' WHERE id = $1 AND state = 'pending'", cancellationToken, id);

    public Task RetryAsync(string id, DateTimeOffset nextAt, CancellationToken cancellationToken = default) =>
        ExecuteAsync(
            "UPDATE deliveries SET attempts = attempts + 1, next_at = $2 WHERE id = $1 AND state = 'pending'",
            cancellationToken,
            id, nextAt.UtcTicks);

    public Task GiveUpAsync(string id, CancellationToken cancellationToken = default) =>
        ExecuteAsync(
            "UPDATE deliveries SET attempts = attempts + 1, state = 'failed' WHERE id = $1 AND state = 'pending'", cancellationToken, id);

    public Task<int> PruneAsync(DateTimeOffset queuedBefore, CancellationToken cancellationToken = default) =>
        ExecuteAsync("DELETE FROM deliveries WHERE state <> 'pending' AND queued_at < $1", cancellationToken, queuedBefore.UtcTicks);

    private static Delivery ReadDelivery(NpgsqlDataReader r) =>
        new(r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetInt32(4), ReadTime(r, 5), ReadTime(r, 6));
}
