namespace JitGrains.Runtime.Engine;

/// <summary>
/// The store's epoch: another one begins when the store was restored from a backup or failed over without its last writes.
/// What was granted in an earlier epoch is void: the store may have forgotten that it was used or revoked. Thread-safe.
/// </summary>
public interface IStoreEpoch
{
    /// <summary>The epoch as this process knows it; never empty, and never used again once it is over.</summary>
    string Current { get; }

    /// <summary>Raised after another epoch began, before any turn runs in it; must be quick and not throw.</summary>
    event EventHandler? Changed;

    /// <summary>
    /// Whether other processes may write this store while this one lives. Where none can, whoever is on record as running
    /// when this process starts is known to be gone.
    /// </summary>
    bool IsShared => true;
}

/// <summary>The epoch of a store that only this process writes: it never goes back behind its back.</summary>
internal sealed class SingleEpoch : IStoreEpoch
{
    public string Current => "1";

    public bool IsShared => false;

    public event EventHandler? Changed
    {
        add { }
        remove { }
    }
}
