using JitGrains.Runtime.Engine;

namespace JitGrains.Silo;

/// <summary>What failures of the store mean to those who asked it for something. Stateless.</summary>
public static class StoreTrouble
{
    /// <summary>Whether the store was away or busy, so that the same may succeed later: no bug, and nothing wrong with what was asked.</summary>
    public static bool IsPassing(Exception e) => e is StoreUnavailableException or InconsistentStateException or TimeoutException;
}
