namespace JitGrains.Runtime.Engine;

/// <summary>Whether the store takes writes. Thread-safe.</summary>
public interface IStoreHealth
{
    /// <summary>How the last write went; costs nothing.</summary>
    StoreHealth Current { get; }

    /// <summary>
    /// The same, after a small trial write where the last write failed: so a store that came back shows as such although
    /// nothing else writes. Never throws for a store that is down.
    /// </summary>
    Task<StoreHealth> CheckAsync(CancellationToken cancellationToken = default);
}

/// <summary>The store's health.</summary>
/// <param name="IsHealthy">Whether the last write succeeded.</param>
/// <param name="Problem">For operators: what went wrong, or null.</param>
public sealed record StoreHealth(bool IsHealthy, string? Problem)
{
    /// <summary>All is well.</summary>
    public static readonly StoreHealth Good = new(true, null);
}
