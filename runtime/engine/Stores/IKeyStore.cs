namespace JitGrains.Runtime.Engine;

/// <summary>
/// The keys that the processes of a cluster share, kept beside what they protect. Silos may read all of them, gateways only
/// those that are for all. Thread-safe.
/// </summary>
public interface IKeyStore
{
    /// <summary>The keys that this process may read, by name; empty where none were made yet, or no tables are there yet.</summary>
    /// <exception cref="StoreOpenException">The store does not let this process in.</exception>
    /// <exception cref="StoreUnavailableException">The store did not answer, or takes nobody yet.</exception>
    Task<IReadOnlyDictionary<string, byte[]>> ReadAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Adds keys, those whose names are there already left as they are. Where two processes add the same names in the same
    /// order, all of the ones that stay are one process' own.
    /// </summary>
    Task AddAsync(IReadOnlyList<SharedKey> keys, CancellationToken cancellationToken = default);
}

/// <summary>A key of the cluster.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ForAll">Whether gateways may read it too.</param>
/// <param name="Value">The key.</param>
public sealed record SharedKey(string Name, bool ForAll, byte[] Value)
{
    /// <summary>Never the key.</summary>
    public override string ToString() => $"{Name} [redacted]";
}

/// <summary>Opens key stores: they are needed before a host with its services can be put together.</summary>
public static class KeyStores
{
    /// <summary>Keys in memory, for tests.</summary>
    public static IKeyStore InMemory() => new MemoryKeyStore();

    /// <summary>The keys of a PostgreSQL database. The schema is made first where the login may.</summary>
    /// <param name="configure">Sets the options that the engine will have; only those of the database matter.</param>
    public static IKeyStore InDatabase(Action<GrainEngineOptions> configure)
    {
        var options = new GrainEngineOptions();
        configure(options);
        return new PostgresKeyStore(options);
    }
}
