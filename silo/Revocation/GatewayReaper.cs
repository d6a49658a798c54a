using System.Collections.Immutable;
using JitGrains.Gateways;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// Watches the leases. One that has not moved for longer than it holds, by this process' own clock, is condemned, waited out
/// and closed; when no incarnation of its process is left, what it was cut off in is recorded as <c>unknown</c>, and it
/// leaves the directory. Every silo may run it. Thread-safe.
/// </summary>
internal sealed partial class GatewayReaper(
    IGrainFactory grains, IReadModel readModel, CondemnedGateways condemned, IStoreEpoch epoch, LeaseTime leaseTime, TimeProvider time, ILogger<GatewayReaper> logger) : BackgroundService
{
    /// <summary>How often it looks.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <summary>How long a registration may take.</summary>
    private static readonly TimeSpan OpenWithin = TimeSpan.FromMinutes(1);

    /// <summary>How often it looks for executions that nobody in the list began.</summary>
    private static readonly TimeSpan OrphanInterval = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, Watched> watched = new(StringComparer.Ordinal);
    private readonly ControlPlaneExecutions ownExecutions = new(leaseTime);
    private ImmutableArray<GatewayEntry> left = [];

    private IGatewayDirectoryGrain Directory => grains.GetGrain<IGatewayDirectoryGrain>(IGatewayDirectoryGrain.Key);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        // Where no other process can write the store, whoever is in the list before this one's gateway enters it is gone.
        if (!epoch.IsShared)
            left = (await AtStart.Reach(Directory.List, time, cancellationToken)).Entries;
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long? orphansAt = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await BuryLeft();
                await Look(stoppingToken);
                if (orphansAt is not { } at || leaseTime.Provider.GetElapsedTime(at) > OrphanInterval)
                {
                    await FindOrphans(stoppingToken);
                    orphansAt = leaseTime.Provider.GetTimestamp();
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                LogFailed(logger, e);
            }

            await Task.Delay(Interval, leaseTime.Provider, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task BuryLeft()
    {
        foreach (var entry in left)
            await grains.GetGrain<IGatewayGrain>(entry.Incarnation).Close(new CloseLease(LeaseEnds.ProcessGone));
        await Bury(left, CancellationToken.None);
        left = [];
    }

    private async Task Look(CancellationToken stopping)
    {
        var entries = (await Directory.List()).Entries;
        var phases = new Dictionary<string, LeasePhase>(StringComparer.Ordinal);
        foreach (var entry in entries)
            phases[entry.Incarnation] = await Watch(entry.Incarnation);

        var incarnations = entries.Select(e => e.Incarnation).ToHashSet(StringComparer.Ordinal);
        condemned.Keep(incarnations);
        foreach (var gone in watched.Keys.Where(k => !incarnations.Contains(k)).ToArray())
            watched.Remove(gone);
        // A process goes on under its next incarnation, and records itself what came of executions that began under the last.
        var alive = entries.Where(e => phases[e.Incarnation] is LeasePhase.Open or LeasePhase.NotOpen).Select(e => e.Process).ToHashSet(StringComparer.Ordinal);
        await Bury([.. entries.Where(e => phases[e.Incarnation] == LeasePhase.Closed && !alive.Contains(e.Process))], stopping);
    }

    /// <summary>Moves one lease on as far as its time has come; its phase then.</summary>
    private async Task<LeasePhase> Watch(string incarnation)
    {
        var gateway = grains.GetGrain<IGatewayGrain>(incarnation);
        var view = await gateway.Get();
        if (view.Phase is LeasePhase.Open or LeasePhase.NotOpen)
        {
            if (!watched.TryGetValue(incarnation, out var seen) || seen.Renewals != view.Renewals || seen.Phase != view.Phase)
                watched[incarnation] = seen = new Watched(view.Phase, view.Renewals, leaseTime.Provider.GetTimestamp());
            var patience = view.Phase == LeasePhase.Open ? view.Lease * LeaseTime.Margin : OpenWithin;
            if (leaseTime.Provider.GetElapsedTime(seen.Since) <= patience)
                return view.Phase;
            view = (await gateway.Condemn(new CondemnGateway(LeaseEnds.Silent, UnlessRenewedPast: view.Renewals))).Value!;
            if (view.Phase == LeasePhase.Condemned)
                LogSilent(logger, incarnation);
        }

        if (view.Phase == LeasePhase.Condemned)
        {
            condemned.Note(incarnation);
            // Closed means to everybody that nothing starts there, under allow rules neither.
            if (condemned.Left(incarnation, view, withAllowRules: true) <= TimeSpan.Zero)
                view = (await gateway.Close(new CloseLease(LeaseEnds.WaitedOut))).Value!;
        }

        return view.Phase;
    }

    private async Task Bury(ImmutableArray<GatewayEntry> dead, CancellationToken stopping)
    {
        if (dead.IsEmpty)
            return;
        var ids = dead.Select(e => e.Incarnation).ToHashSet(StringComparer.Ordinal);
        foreach (var cutOff in (await readModel.ListOpenExecutionsAsync("", stopping)).Where(e => ids.Contains(e.Incarnation)))
            await RecordUnknown(cutOff);
        await Directory.Remove([.. ids]);
    }

    /// <summary>An incarnation leaves the list when all that it began has its outcome; should one be missing all the same, nobody knows it.</summary>
    private async Task FindOrphans(CancellationToken stopping)
    {
        // Read before the list: whoever began one of these was in it by then.
        var open = await readModel.ListOpenExecutionsAsync("", stopping);
        var listed = (await Directory.List()).Entries.Select(e => e.Incarnation).ToHashSet(StringComparer.Ordinal);
        foreach (var orphan in open.Where(e => e.Incarnation != ControlPlaneExecutions.Incarnation && !listed.Contains(e.Incarnation)))
            await RecordUnknown(orphan);
        foreach (var cutOff in ownExecutions.CutOff(open))
            await RecordUnknown(cutOff);
    }

    private async Task RecordUnknown(ExecutionRecord cutOff)
    {
        LogCutOff(logger, cutOff.Id, cutOff.Incarnation);
        await grains.GetGrain<IPrincipalGrain>(cutOff.CallerKey).RecordOutcome(new OutcomeCommand(
            cutOff.Id, new ExecutionOutcome(ExecutionStatus.Unknown, null, null, cutOff.StartedAt, time.GetUtcNow(), 0, 0)));
    }

    private sealed record Watched(LeasePhase Phase, long Renewals, long Since);
}
