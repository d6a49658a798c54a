using Microsoft.Data.Sqlite;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore : IDeliveryQueue
{
    public Task EnqueueAsync(NewDelivery delivery, CancellationToken cancellationToken = default) =>
        writer.WriteAsync(
            db => db.Execute(
                """
                INSERT INTO deliveries (id, target, type, body, state, attempts, queued_at, next_at)
                VALUES ($1, $2, $3, $4, 'pending', 0, $5, $5) ON CONFLICT DO NOTHING
                """,
                delivery.Id, delivery.Target, delivery.Type, delivery.Body, time.GetUtcNow().UtcTicks),
            cancellationToken);

    public async Task<IReadOnlyList<Delivery>> ClaimDueAsync(DateTimeOffset now, TimeSpan lease, int limit, CancellationToken cancellationToken = default) =>
        await writer.WriteAsync(
            db =>
            {
                var due = db.All(
                    """
                    SELECT id, target, type, body, attempts, queued_at, next_at FROM deliveries
                    WHERE state = 'pending' AND next_at <= $1 ORDER BY next_at, id LIMIT $2
                    """,
                    ReadDelivery, now.UtcTicks, limit);
                foreach (var delivery in due)
                    db.Execute("UPDATE deliveries SET next_at = $2 WHERE id = $1", delivery.Id, (now + lease).UtcTicks);
                return due;
            },
            cancellationToken);

    public Task<DateTimeOffset?> NextDueAsync(CancellationToken cancellationToken = default) =>
        readers.ReadAsync(
            db => db.One(
                "SELECT next_at FROM deliveries WHERE state = 'pending' ORDER BY next_at LIMIT 1", r => (DateTimeOffset?)ReadTime(r, 0)),
            cancellationToken);

    public Task CompleteAsync(string id, CancellationToken cancellationToken = default) =>
        writer.WriteAsync(
            db => db.Execute("UPDATE deliveries SET state = 'delivered' WHERE id = $1 AND state = 'pending'", id), cancellationToken);

    public Task RetryAsync(string id, DateTimeOffset nextAt, CancellationToken cancellationToken = default) =>
        writer.WriteAsync(
            db => db.Execute(
                "UPDATE deliveries SET attempts = attempts + 1, next_at = $2 WHERE id = $1 AND state = 'pending'", id, nextAt.UtcTicks),
            cancellationToken);

    public Task GiveUpAsync(string id, CancellationToken cancellationToken = default) =>
        writer.WriteAsync(
            db => db.Execute(
                "UPDATE deliveries SET attempts = attempts + 1, state = 'failed' WHERE id = $1 AND state = 'pending'", id), cancellationToken);

    public Task<int> PruneAsync(DateTimeOffset queuedBefore, CancellationToken cancellationToken = default) =>
        writer.WriteAsync(
            db => db.Execute("DELETE FROM deliveries WHERE state <> 'pending' AND queued_at < $1", queuedBefore.UtcTicks), cancellationToken);

    private static Delivery ReadDelivery(SqliteDataReader r) =>
        new(r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetInt32(4), ReadTime(r, 5), ReadTime(r, 6));
}
