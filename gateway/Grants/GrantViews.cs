using System.Collections.Concurrent;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.Gateway.Hosting;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// The callers' active grants, kept in memory until they change. Each load has an entry of its own, and dropping marks the
/// entry: so a load that began before a change can neither stay in memory nor be used after it, whenever it comes back.
/// Thread-safe.
/// </summary>
internal sealed partial class GrantViews(IGrainFactory grains, GrantVerifier verifier, StoreGuard store, GatewayOptions options, GatewayMetrics metrics, ILogger<GrantViews> logger)
{
    /// <summary>A load is given up after this time, and the call refused.</summary>
    private static readonly TimeSpan LoadTimeout = TimeSpan.FromSeconds(2);

    private const int Attempts = 8;

    private readonly ConcurrentDictionary<string, Entry> entries = new(StringComparer.Ordinal);
    private readonly SharedTexts texts = new();

    /// <summary>How many are kept.</summary>
    public int Count => entries.Count;

    /// <summary>The caller's grants.</summary>
    /// <exception cref="TimeoutException">They could not be loaded in time, or changed all the while.</exception>
    public async ValueTask<GrantsSnapshot> Get(string callerKey)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (!entries.TryGetValue(callerKey, out var entry))
            {
                MakeRoom();
                entry = entries.GetOrAdd(callerKey, static (key, views) => new Entry(views, key), this);
                metrics.ViewLookup(hit: false);
            }
            else
            {
                metrics.ViewLookup(hit: true);
            }

            GrantsSnapshot? snapshot;
            try
            {
                var loading = entry.Snapshot();
                if (!loading.IsCompleted)
                    metrics.StoreWait("view");
                snapshot = await loading;
            }
            catch
            {
                entries.TryRemove(KeyValuePair.Create(callerKey, entry));
                throw;
            }

            if (snapshot.IsCurrent)
                return snapshot;
        }

        throw new TimeoutException("A caller's grants changed faster than they could be read.");
    }

    /// <summary>One grant that the caller was told of by others than its grain; null where it is not the caller's, or not genuine. Nothing of it is kept.</summary>
    public GrantsSnapshot? Check(string callerKey, Grant told) =>
        told.CallerKey == callerKey && verifier.Verify(told) ? new GrantsSnapshot([new ActiveGrant(told, told.Uses)], texts) : null;

    /// <summary>Forgets a caller's grants: whoever looks from now on reads them anew.</summary>
    public void Drop(string callerKey)
    {
        if (entries.TryRemove(callerKey, out var entry))
            entry.Drop();
    }

    /// <summary>Forgets everybody's.</summary>
    public void DropAll()
    {
        foreach (var (callerKey, _) in entries)
            Drop(callerKey);
    }

    private async Task<GrantsSnapshot> Load(string callerKey)
    {
        var view = await store.Ask(callerKey, () => grains.GetGrain<IPrincipalGrain>(callerKey).GetView().WaitAsync(LoadTimeout));
        var genuine = view.Grants.Where(g => g.Grant.CallerKey == callerKey && verifier.Verify(g.Grant)).ToArray();
        if (genuine.Length != view.Grants.Length)
        {
            foreach (var forged in view.Grants.Except(genuine))
                LogForged(logger, forged.Grant.Id);
        }

        return new GrantsSnapshot(genuine, texts);
    }

    private void MakeRoom()
    {
        if (entries.Count < options.MaxViews)
            return;
        // Any will do: what is needed again is read again.
        foreach (var (key, _) in entries.Take(Math.Max(1, options.MaxViews / 16)))
            Drop(key);
    }

    /// <summary>Nothing of how it was loaded stays once it is: there may be very many.</summary>
    private sealed class Entry(GrantViews views, string callerKey)
    {
        private readonly Lock gate = new();
        private Task<GrantsSnapshot>? loading;
        private GrantsSnapshot? loaded;
        private bool dropped;

        public ValueTask<GrantsSnapshot> Snapshot()
        {
            if (Volatile.Read(ref loaded) is { } ready)
                return ValueTask.FromResult(ready);
            lock (gate)
            {
                if (loaded is not null)
                    return ValueTask.FromResult(loaded);
                if (loading is null)
                {
                    var load = LoadOnce();
                    if (load.IsCompletedSuccessfully)
                        return new ValueTask<GrantsSnapshot>(load);
                    loading = load;
                }

                return new ValueTask<GrantsSnapshot>(loading);
            }
        }

        public void Drop()
        {
            lock (gate)
            {
                dropped = true;
                loaded?.Drop();
            }
        }

        private async Task<GrantsSnapshot> LoadOnce()
        {
            var snapshot = await views.Load(callerKey);
            lock (gate)
            {
                if (dropped)
                    snapshot.Drop();
                loading = null;
                Volatile.Write(ref loaded, snapshot);
            }

            return snapshot;
        }
    }
}
