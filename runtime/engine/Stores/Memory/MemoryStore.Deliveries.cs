namespace JitGrains.Runtime.Engine;

internal sealed partial class MemoryStore : IDeliveryQueue
{
    private readonly Dictionary<string, (Delivery Delivery, bool Pending)> deliveries = new(StringComparer.Ordinal);

    public Task EnqueueAsync(NewDelivery delivery, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            var now = clock.GetUtcNow();
            deliveries.TryAdd(delivery.Id, (new Delivery(delivery.Id, delivery.Target, delivery.Type, delivery.Body, 0, now, now), true));
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<Delivery>> ClaimDueAsync(DateTimeOffset now, TimeSpan lease, int limit, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            Delivery[] due = [.. Pending().Where(d => d.NextAt <= now).OrderBy(d => d.NextAt).ThenBy(d => d.Id, StringComparer.Ordinal).Take(limit)];
            foreach (var delivery in due)
                deliveries[delivery.Id] = (delivery with { NextAt = now + lease }, true);
            return Task.FromResult<IReadOnlyList<Delivery>>(due);
        }
    }

    public Task<DateTimeOffset?> NextDueAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
            return Task.FromResult(Pending().Min(d => (DateTimeOffset?)d.NextAt));
    }

    public Task CompleteAsync(string id, CancellationToken cancellationToken = default) => Change(id, d => (d, false));

    public Task RetryAsync(string id, DateTimeOffset nextAt, CancellationToken cancellationToken = default) =>
        Change(id, d => (d with { Attempts = d.Attempts + 1, NextAt = nextAt }, true));

    public Task GiveUpAsync(string id, CancellationToken cancellationToken = default) =>
        Change(id, d => (d with { Attempts = d.Attempts + 1 }, false));

    public Task<int> PruneAsync(DateTimeOffset queuedBefore, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            var old = deliveries.Values.Where(d => !d.Pending && d.Delivery.QueuedAt < queuedBefore).ToArray();
            foreach (var (delivery, _) in old)
                deliveries.Remove(delivery.Id);
            return Task.FromResult(old.Length);
        }
    }

    private IEnumerable<Delivery> Pending() => deliveries.Values.Where(d => d.Pending).Select(d => d.Delivery);

    private Task Change(string id, Func<Delivery, (Delivery, bool)> change)
    {
        lock (gate)
        {
            if (deliveries.TryGetValue(id, out var row) && row.Pending)
                deliveries[id] = change(row.Delivery);
        }

        return Task.CompletedTask;
    }
}
