using System.Collections.Immutable;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateways;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Revocation;

namespace JitGrains.Gateway.Leases;

/// <summary>
/// Applies what this gateway is told, and says so. What a mail says is applied by every part of the gateway within the
/// limit, or the lease is given up: nobody has to wait for a gateway that cannot. Reading is for one at a time.
/// </summary>
internal sealed partial class LeaseMail(
    IGrainFactory grains, MailBell bell, IEnumerable<IInvalidationTarget> targets, GatewayOptions options, LeaseTime time, ILogger<LeaseMail> logger)
{
    /// <summary>Ids that fit into one message of the bus.</summary>
    private const int IdsInMessage = 128;

    private readonly IInvalidationTarget[] targets = [.. targets];
    private readonly HashSet<string> applied = new(StringComparer.Ordinal);

    /// <summary>Reads the incarnation's mail and applies it; false where the lease must be given up.</summary>
    public async Task<bool> Read(string incarnation, CancellationToken stop)
    {
        var gateway = grains.GetGrain<IGatewayGrain>(incarnation);
        var lease = await gateway.Get().WaitAsync(options.Lease, time.Provider, stop);
        if (lease.Phase != LeasePhase.Open)
            return lease.Phase == LeasePhase.NotOpen;
        applied.IntersectWith(lease.Mail.Select(m => m.Id));
        var results = await Task.WhenAll(lease.Mail.Where(m => !applied.Contains(m.Id)).Select(async m => (Mail: m, Applied: await Apply(m.What, options.DrainWithin, stop))));
        var done = results.Where(r => r.Applied).Select(r => r.Mail.Id).ToImmutableArray();
        applied.UnionWith(done);
        foreach (var ids in done.Chunk(IdsInMessage))
            bell.Acknowledge(incarnation, ids);
        if (applied.Count > 0)
            await gateway.Acknowledge(new AcknowledgeMail([.. applied])).WaitAsync(options.Lease, time.Provider, stop);
        return results.All(r => r.Applied);
    }

    /// <summary>Has every part apply it; false where one failed or took longer than this.</summary>
    public async Task<bool> Apply(ImmutableArray<Invalidation> what, TimeSpan within, CancellationToken stop)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var began = time.Provider.GetTimestamp();
        ITimer? timer = null;
        try
        {
            foreach (var one in what)
            {
                var all = Task.WhenAll(targets.Select(t => t.ApplyAsync(one, limit.Token).AsTask()));
                // Mostly there is nothing to wait for.
                if (!all.IsCompleted)
                    timer ??= Limit();
                await all.WaitAsync(limit.Token);
            }

            return true;
        }
        catch (Exception e) when (!stop.IsCancellationRequested)
        {
            LogNotApplied(logger, e, within.TotalMilliseconds);
            return false;
        }
        finally
        {
            timer?.Dispose();
        }

        ITimer Limit()
        {
            var left = within - time.Provider.GetElapsedTime(began);
            return time.Provider.CreateTimer(static l => Cancel((CancellationTokenSource)l!), limit, left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    private static void Cancel(CancellationTokenSource limit)
    {
        try
        {
            limit.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It was applied just in time.
        }
    }

    [LoggerMessage(3050, LogLevel.Warning, "What this gateway was told could not be applied within {Milliseconds} ms")]
    private static partial void LogNotApplied(ILogger logger, Exception exception, double milliseconds);
}
