namespace JitGrains.Runtime.Engine;

/// <summary>
/// A message on its way to whoever takes it. It is of the epoch in which it was read: a store that has gone back since has forgotten
/// whoever sent it, and must not learn from it of what never happened there (a chain that was opened, a request that was closed). So
/// turns that a delivery runs are turns of that epoch, or none. Thread-safe.
/// </summary>
internal sealed class OutboxDelivery
{
    // Follows the delivery's own flow of execution, to the turns that it runs.
    private static readonly AsyncLocal<OutboxDelivery?> Current = new();

    private readonly string epoch;
    private volatile bool isOver;

    private OutboxDelivery(string epoch) => this.epoch = epoch;

    /// <summary>Delivers a message that was read in this epoch.</summary>
    public static async Task Run(string epoch, Func<Task> deliver)
    {
        var delivery = new OutboxDelivery(epoch);
        Current.Value = delivery;
        try
        {
            await deliver();
        }
        finally
        {
            // Work that it left running carries it on, and is no longer part of it.
            delivery.isOver = true;
        }
    }

    /// <summary>Throws where this is part of a delivery from another epoch than the store's. A turn that has begun knows the store's.</summary>
    /// <exception cref="StoreUnavailableException">It is.</exception>
    public static void Check(IStoreEpoch store)
    {
        if (Current.Value is { isOver: false } delivery && delivery.epoch != store.Current)
            throw new StoreUnavailableException("The store has gone back since this message was read.");
    }
}
