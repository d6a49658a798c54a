using System.Collections.Immutable;
using JitGrains.Audit;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Telemetry;
using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Journal;

/// <summary>
/// The hash-chained journal of this gateway incarnation: allowed calls, many-use executions, denials, observations. Written
/// in batches, at least every second; calls that still run then are written as started. So a crash loses one batch at most,
/// and the next run's chain shows where this one broke off. Thread-safe.
/// </summary>
internal sealed partial class GatewayJournal(
    Incarnation incarnation, IAuditStore store, IGrainFactory grains, AuditSealer sealer, GatewayOptions options, GatewayMetrics metrics, TimeProvider time, ILogger<GatewayJournal> logger)
    : IHostedService, IDisposable
{
    private const int BatchSize = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastTry = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly SemaphoreSlim wake = new(0, 1);
    private readonly CancellationTokenSource stop = new();
    private readonly HashSet<JournalTicket> running = [];
    private List<(DateTimeOffset At, AuditDraft Draft)> waiting = [];
    private List<AuditEntry> unwritten = [];
    private ChainHead head = ChainHead.Empty;
    private Task writing = Task.CompletedTask;

    /// <summary>The chain's name.</summary>
    public string Source => $"gateway/{incarnation.Id}";

    /// <summary>Entries that are not durable yet.</summary>
    public int Pending
    {
        get
        {
            lock (gate)
                return waiting.Count + unwritten.Count;
        }
    }

    /// <summary>Begins a call's entry; null where too many wait already, and then the call must be refused.</summary>
    /// <param name="about">What is known of the call: fields of its entry, whenever it is written.</param>
    public JournalTicket? TryBegin(ImmutableArray<AuditField> about)
    {
        var ticket = new JournalTicket(this, time.GetUtcNow(), about);
        lock (gate)
        {
            // Room is kept for what runs: its entry must find a place when it is over.
            if (waiting.Count + unwritten.Count + running.Count >= options.JournalCapacity)
                return null;
            running.Add(ticket);
        }

        return ticket;
    }

    /// <summary>Writes the first entry and records the chain in the system chain before anything else can enter it.</summary>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var first = sealer.Seal(Source, head, time.GetUtcNow(), new AuditDraft(AuditTypes.GatewayStarted, [new("incarnation", incarnation.Id)]));
        await grains.GetGrain<ISystemChainGrain>(ISystemChainGrain.Key).Record(SystemChain.Opened(first));
        await store.AppendAsync([first], cancellationToken);
        head = new ChainHead(first.Sequence, first.Hash);
        metrics.Gauge("jitgrains.gateway.journal.pending", "{entry}", "Journal entries that are not durable yet.", () => Pending);
        writing = Write();
    }

    /// <summary>Writes what is left.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await stop.CancelAsync();
        await writing;
        var deadline = time.GetTimestamp();
        while (!await TryWriteBatch() || Pending > 0)
        {
            if (cancellationToken.IsCancellationRequested || time.GetElapsedTime(deadline) > LastTry)
            {
                metrics.JournalLost(Pending);
                LogLost(logger, Pending);
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, CancellationToken.None);
        }
    }

    public void Dispose()
    {
        stop.Dispose();
        wake.Dispose();
    }

    internal void End(JournalTicket ticket, AuditDraft? entry)
    {
        bool full;
        lock (gate)
        {
            if (!running.Remove(ticket) || entry is null)
                return;
            waiting.Add((time.GetUtcNow(), entry));
            full = waiting.Count >= BatchSize;
        }

        if (full)
            Wake();
    }

    private void Wake()
    {
        try
        {
            if (wake.CurrentCount == 0)
                wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // Somebody else woke it in between.
        }
    }

    private async Task Write()
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var tick = CancellationTokenSource.CreateLinkedTokenSource(stop.Token);
                await Task.WhenAny(wake.WaitAsync(tick.Token), Task.Delay(Interval, time, tick.Token));
                await tick.CancelAsync();
            }
            catch (OperationCanceledException)
            {
                return;
            }

            await TryWriteBatch();
        }
    }

    /// <summary>Chains what waits, once; the same chained entries are offered to the store until it has them.</summary>
    private async Task<bool> TryWriteBatch()
    {
        if (unwritten.Count == 0)
            Chain();
        if (unwritten.Count == 0)
            return true;
        try
        {
            await store.AppendAsync(unwritten, CancellationToken.None);
        }
        catch (Exception e)
        {
            LogNotWritten(logger, e, unwritten.Count);
            return false;
        }

        metrics.JournalWritten(unwritten.Count);
        lock (gate)
            unwritten = [];
        return true;
    }

    private void Chain()
    {
        List<(DateTimeOffset At, AuditDraft Draft)> batch;
        lock (gate)
        {
            batch = waiting;
            waiting = [];
            batch.AddRange(running.Where(t => t.TryNote()).Select(t => (time.GetUtcNow(), t.Started)));
        }

        var sealedEntries = new List<AuditEntry>(batch.Count);
        foreach (var (at, draft) in batch)
        {
            var entry = sealer.Seal(Source, head, at, draft);
            head = new ChainHead(entry.Sequence, entry.Hash);
            sealedEntries.Add(entry);
        }

        lock (gate)
            unwritten = sealedEntries;
    }
}
