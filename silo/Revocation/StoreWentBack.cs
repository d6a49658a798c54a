using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// Who waits for gateways after a commit may wait across an older copy's taking the store's place: what was committed is forgotten then, and must
/// not be answered as done.
/// </summary>
internal static class StoreWentBack
{
    /// <param name="store">The store's epoch.</param>
    /// <param name="began">The one before the commit.</param>
    /// <exception cref="StoreUnavailableException">It is another one now.</exception>
    public static void Check(IStoreEpoch store, string began)
    {
        if (store.Current != began)
            throw new StoreUnavailableException("The store went back to an older copy meanwhile, which may have forgotten this.");
    }
}
