namespace JitGrains.Runtime.Engine;

/// <summary>
/// Deliveries to systems outside (webhooks) that are kept until they succeeded or were given up. Thread-safe; every
/// change is durable when its task completes.
/// </summary>
public interface IDeliveryQueue
{
    /// <summary>Queues a delivery, due at once. An id that is or was queued already changes nothing.</summary>
    Task EnqueueAsync(NewDelivery delivery, CancellationToken cancellationToken = default);

    /// <summary>
    /// Takes pending deliveries that are due at this time, the most overdue first. Nobody else is given them until the lease
    /// is over: then whoever took them is thought to have died, and they are due again.
    /// </summary>
    Task<IReadOnlyList<Delivery>> ClaimDueAsync(DateTimeOffset now, TimeSpan lease, int limit, CancellationToken cancellationToken = default);

    /// <summary>When the next pending delivery is due (for one that is taken: when its lease is over), or null where none is pending.</summary>
    Task<DateTimeOffset?> NextDueAsync(CancellationToken cancellationToken = default);

    /// <summary>It was delivered. Its id is kept until pruned, so that the same event queued again is not sent again.</summary>
    Task CompleteAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>An attempt failed: counts it, and the next one is due then.</summary>
    Task RetryAsync(string id, DateTimeOffset nextAt, CancellationToken cancellationToken = default);

    /// <summary>The last attempt failed: counts it, and makes no other.</summary>
    Task GiveUpAsync(string id, CancellationToken cancellationToken = default);

    /// <summary>Forgets deliveries queued before this time that are no longer pending; returns how many.</summary>
    Task<int> PruneAsync(DateTimeOffset queuedBefore, CancellationToken cancellationToken = default);
}

/// <summary>A delivery to queue.</summary>
/// <param name="Id">The same for each attempt of the same event at the same target.</param>
/// <param name="Target">The name of the configured target; never an address with secrets in it.</param>
/// <param name="Type">The event's type.</param>
/// <param name="Body">What is sent, byte for byte, at each attempt.</param>
public sealed record NewDelivery(string Id, string Target, string Type, string Body);

/// <summary>A queued delivery.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Target">The configured target.</param>
/// <param name="Type">The event's type.</param>
/// <param name="Body">What is sent.</param>
/// <param name="Attempts">Failed attempts so far.</param>
/// <param name="QueuedAt">When it was queued.</param>
/// <param name="NextAt">When it is due.</param>
public sealed record Delivery(string Id, string Target, string Type, string Body, int Attempts, DateTimeOffset QueuedAt, DateTimeOffset NextAt);
