using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Principals;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// The callers' active grants, kept in memory until they change. Dropping marks what is kept, and the loads that are under way: so
/// a load that began before a change can neither stay in memory nor be used after it, whenever it comes back. Looking takes no
/// lock. Thread-safe.
/// </summary>
internal sealed partial class GrantViews(IGrainFactory grains, GrantVerifier verifier, StoreGuard store, GatewayOptions options, GatewayMetrics metrics, ILogger<GrantViews> logger)
{
    /// <summary>A load is given up after this time, and the call refused.</summary>
    private static readonly TimeSpan LoadTimeout = TimeSpan.FromSeconds(2);

    private const int Attempts = 8;

    private readonly GrantMemory memory = new();
    private readonly GrantTable table = new();
    private readonly Dictionary<string, Load> loads = new(StringComparer.Ordinal);

    /// <summary>Held by whoever changes the table or the loads, and never while anything is waited for.</summary>
    private readonly Lock gate = new();

    /// <summary>How many are kept.</summary>
    public int Count => table.Count;

    /// <summary>The caller's grants.</summary>
    /// <exception cref="TimeoutException">They could not be loaded in time, or changed all the while.</exception>
    public ValueTask<GrantsSnapshot> Get(Caller caller)
    {
        if (Find(caller) is not { } kept)
            return Read(caller.Key, caller.KeyHash);
        metrics.ViewLookup(hit: true);
        return ValueTask.FromResult(kept);
    }

    /// <summary>The caller's grants where they are kept; null where they are to be read.</summary>
    public GrantsSnapshot? Find(Caller caller) => table.Find(caller) is { } data ? new GrantsSnapshot(data, memory) : null;

    /// <summary>One grant that the caller was told of by others than its grain; null where it is not the caller's, or not genuine. Nothing of it is kept.</summary>
    public GrantsSnapshot? Check(Caller caller, Grant told) =>
        told.CallerKey == caller.Key && verifier.Verify(told) ? new GrantsSnapshot(new GrantPacker(memory.Texts).Pack(caller.KeyHash, [new ActiveGrant(told, told.Uses)]), memory) : null;

    /// <summary>Forgets a caller's grants: whoever looks from now on reads them anew.</summary>
    public void Drop(string callerKey)
    {
        var hash = CallerHash.Of(callerKey);
        lock (gate)
        {
            _ = table.TakeOut(hash);
            if (loads.Remove(callerKey, out var load))
                load.IsDropped = true;
        }
    }

    /// <summary>Forgets everybody's.</summary>
    public void DropAll()
    {
        lock (gate)
        {
            while (table.TakeOutAny() is not null)
            {
            }

            foreach (var load in loads.Values)
                load.IsDropped = true;
            loads.Clear();
        }
    }

    private async ValueTask<GrantsSnapshot> Read(string callerKey, CallerHash hash)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var load = Join(callerKey, hash, out var kept, out var begins);
            metrics.ViewLookup(hit: load is null || !begins);
            if (load is not null && begins)
                _ = Run(load, callerKey, hash);
            if (load is { Loaded.IsCompleted: false })
                metrics.StoreWait("view");
            var snapshot = new GrantsSnapshot(kept ?? await load!.Loaded, memory);
            if (snapshot.IsCurrent)
                return snapshot;
        }

        throw new TimeoutException("A caller's grants changed faster than they could be read.");
    }

    /// <summary>What is kept, or the load that is under way, or one to be begun.</summary>
    private Load? Join(string callerKey, in CallerHash hash, out byte[]? kept, out bool begins)
    {
        lock (gate)
        {
            begins = false;
            if ((kept = table.Find(hash)) is not null)
                return null;
            if (loads.TryGetValue(callerKey, out var load))
                return load;
            begins = true;
            return loads[callerKey] = new Load();
        }
    }

    /// <summary>Never fails: whoever waits for the load is told.</summary>
    private async Task Run(Load load, string callerKey, CallerHash hash)
    {
        try
        {
            var data = await Pack(callerKey, hash);
            lock (gate)
            {
                if (load.IsDropped)
                {
                    GrantsSnapshot.Drop(data);
                }
                else
                {
                    loads.Remove(callerKey);
                    MakeRoom();
                    table.Put(hash, data);
                }
            }

            load.Done(data);
        }
        catch (Exception e)
        {
            lock (gate)
            {
                // Once it is dropped, the one that is there is another.
                if (!load.IsDropped)
                    loads.Remove(callerKey);
            }

            load.Failed(e);
        }
    }

    private async Task<byte[]> Pack(string callerKey, CallerHash hash)
    {
        var view = await store.Ask(callerKey, () => grains.GetGrain<IPrincipalGrain>(callerKey).GetView().WaitAsync(LoadTimeout));
        var genuine = view.Grants.Where(g => g.Grant.CallerKey == callerKey && verifier.Verify(g.Grant)).ToArray();
        if (genuine.Length != view.Grants.Length)
        {
            foreach (var forged in view.Grants.Except(genuine))
                LogForged(logger, forged.Grant.Id);
        }

        return new GrantPacker(memory.Texts).Pack(hash, genuine);
    }

    private void MakeRoom()
    {
        if (table.Count < options.MaxViews)
            return;
        // Any will do: what is needed again is read again.
        for (var i = Math.Max(1, options.MaxViews / 16); i > 0 && table.TakeOutAny() is not null; i--)
        {
        }
    }

    /// <summary>One read of a caller's grants, and all who wait for it.</summary>
    private sealed class Load
    {
        private readonly TaskCompletionSource<byte[]> source = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<byte[]> Loaded => source.Task;

        /// <summary>Whether it may have read what has changed since; guarded by the views' lock.</summary>
        public bool IsDropped { get; set; }

        public void Done(byte[] data) => source.SetResult(data);

        public void Failed(Exception e)
        {
            source.SetException(e);
            // Seen: nobody may be left who waits.
            _ = source.Task.Exception;
        }
    }
}
