using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Secrets;

/// <summary>
/// The keys of a cluster, by the database that its processes share. The first silo makes them, unless its operators keep them
/// in a folder: then only what gateways need is in the database. Stateless.
/// </summary>
public static class ClusterKeys
{
    private const string Master = "master";
    private const string GrantSigning = "grant-signing";
    private const string PayloadBinding = "payload-binding";
    private const string AuditPersonal = "audit-personal";
    private const string GrantPublic = "grant-public";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>A silo's keys: those in the folder where one is given, otherwise the database's, made where there are none.</summary>
    /// <param name="store">The database's keys.</param>
    /// <param name="folder">The folder's, or null.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StartupException">The folder's keys are not the cluster's, or the database's are damaged.</exception>
    public static async Task<KeyRing> ForSiloAsync(IKeyStore store, KeyRing? folder, CancellationToken cancellationToken = default)
    {
        if (folder is not null)
        {
            await store.AddAsync(SharedOf(folder.ForGateways), cancellationToken);
            return IsSame(folder, await store.ReadAsync(cancellationToken))
                ? folder
                : throw new StartupException("KeysFolder: these are not the keys that this cluster was started with; grants would not verify and digests not match.");
        }

        var known = await store.ReadAsync(cancellationToken);
        if (!known.ContainsKey(Master))
        {
            if (known.ContainsKey(PayloadBinding))
                throw new StartupException("The cluster's keys are in a folder and not in the database: give every silo its KeysFolder.");
            using var made = KeyRing.Make();
            var (master, signing) = made.Export();
            await store.AddAsync([new SharedKey(Master, false, master), new SharedKey(GrantSigning, false, signing), .. SharedOf(made.ForGateways)], cancellationToken);
            known = await store.ReadAsync(cancellationToken);
        }

        if (!known.TryGetValue(Master, out var storedMaster) || !known.TryGetValue(GrantSigning, out var storedSigning))
            throw new StartupException("The cluster's keys in the database are not whole, or this login may not read them; it must be a silo's.");
        var ring = KeyRing.Import(storedMaster, storedSigning);
        return IsSame(ring, known)
            ? ring
            : throw new StartupException("The cluster's keys in the database do not belong together; restore them from the backup that the database is from.");
    }

    /// <summary>A gateway's keys; waits a while for the first silo to have made them.</summary>
    /// <param name="store">The database's keys.</param>
    /// <param name="time">The clock.</param>
    /// <param name="waits">Is told what is waited for, each time that it is.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StartupException">There are none.</exception>
    public static async Task<GatewayKeys> ForGatewayAsync(IKeyStore store, TimeProvider time, Action<string>? waits = null, CancellationToken cancellationToken = default)
    {
        var known = await WaitFor(store, GrantPublic, time, waits, cancellationToken);
        return known.TryGetValue(PayloadBinding, out var payload) && known.TryGetValue(AuditPersonal, out var personal)
            ? new GatewayKeys(new SecretKey(payload), new SecretKey(personal), known[GrantPublic])
            : throw new StartupException("The cluster's keys in the database are not whole.");
    }

    /// <summary>All that may be read, once this one is there.</summary>
    internal static async Task<IReadOnlyDictionary<string, byte[]>> WaitFor(IKeyStore store, string name, TimeProvider time, Action<string>? waits, CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        while (true)
        {
            string trouble;
            try
            {
                var known = await store.ReadAsync(cancellationToken);
                if (known.ContainsKey(name))
                    return known;
                trouble = "no silo has made them yet, or this login may not read them";
            }
            catch (Exception e) when (e is StoreUnavailableException or StoreOpenException { MayPass: true })
            {
                trouble = e.Message;
            }

            trouble = $"The cluster's keys cannot be read from the database: {trouble.TrimEnd('.')}.";
            if (time.GetElapsedTime(began) > Patience)
                throw new StartupException(trouble);
            waits?.Invoke(trouble);
            await Task.Delay(Pause, time, cancellationToken);
        }
    }

    private static SharedKey[] SharedOf(GatewayKeys keys) =>
    [
        new(PayloadBinding, true, keys.PayloadBinding.Span.ToArray()),
        new(AuditPersonal, true, keys.AuditPersonal.Span.ToArray()),
        new(GrantPublic, true, keys.GrantPublic.ToArray()),
    ];

    private static bool IsSame(KeyRing ring, IReadOnlyDictionary<string, byte[]> known) =>
        SharedOf(ring.ForGateways).All(key => known.TryGetValue(key.Name, out var value) && value.AsSpan().SequenceEqual(key.Value));
}
