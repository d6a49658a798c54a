using System.Threading.Channels;
using JitGrains.Outbox;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Drains grains' outboxes: woken by each commit, and at start for what a crash left over. One worker at a time for a
/// source, so its messages arrive in order; a failed one holds up its own source and no other. Of processes that share a
/// store, one at a time drains a source; each looks now and then for what nobody told it of.
/// </summary>
internal sealed partial class OutboxPump : BackgroundService, IOutboxPump
{
    private const int BatchSize = 64;

    private readonly IGrainStore store;
    private readonly IServiceProvider services;
    private readonly GrainEngineOptions options;
    private readonly IStoreEpoch epoch;
    private readonly TimeProvider time;
    private readonly EngineTelemetry telemetry;
    private readonly ILogger logger;
    private readonly Channel<GrainId> ready = Channel.CreateUnbounded<GrainId>();
    private readonly OutboxSources sources;
    private readonly IClusterBus bus;
    private readonly Alarm sweep;
    private volatile IOutboxHandler? handler;

    // What an earlier run left over is known.
    private readonly TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public OutboxPump(
        IGrainStore store, IStoreEpoch epoch, CommitHub commits, IClusterBus bus, IServiceProvider services, GrainEngineOptions options, TimeProvider time, EngineTelemetry telemetry, ILogger<OutboxPump> logger)
    {
        (this.store, this.epoch, this.bus, this.services, this.options, this.time, this.telemetry, this.logger) = (store, epoch, bus, services, options, time, telemetry, logger);
        sources = new OutboxSources(source => ready.Writer.TryWrite(source));
        sweep = new Alarm(time);
        commits.MessagesWritten += options.RunsOutbox
            ? (source, written) => sources.Signal(source, own: true, UrgentOf(source, written))
            : (source, _) => bus.Publish(new BusMessage(BusTopics.Outbox, source.ToString()));
        if (options.RunsOutbox)
            commits.TakerOf = TakerOf;
        telemetry.Observe("jitgrains.outbox.depth", "{grain}", "Grains with undelivered outbox messages", () => sources.Count);
    }

    public async Task WhenIdleAsync(CancellationToken cancellationToken = default)
    {
        if (!options.RunsOutbox)
            return;
        await started.Task.WaitAsync(cancellationToken);
        await sources.WhenIdle.WaitAsync(cancellationToken);
    }

    /// <summary>Completes once nothing can be delivered now: what is left waits for a retry.</summary>
    internal async Task WhenQuietAsync()
    {
        await started.Task;
        await sources.WhenQuiet;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.RunsOutbox)
            return;
        if (options.DeliverAfter is { } isReady)
            await isReady(services).WaitAsync(stoppingToken);
        // Resolved here: the handler needs the grain factory, whose turns wake this service.
        handler = services.GetRequiredService<IOutboxHandler>();
        using var told = store.IsShared ? bus.Subscribe(BusTopics.Outbox, message => SignalOther(message.Key)) : null;
        EventHandler resumed = (_, _) => Resume();
        bus.Resumed += resumed;
        try
        {
            await Task.WhenAll(Enumerable.Range(0, options.OutboxParallelism).Select(_ => WorkAsync(handler, stoppingToken)).Append(SweepAsync(stoppingToken)));
        }
        finally
        {
            bus.Resumed -= resumed;
        }
    }

    /// <summary>Looks for messages that nobody told this process of: once at the start, and over and over in a shared store.</summary>
    private async Task SweepAsync(CancellationToken stopping)
    {
        try
        {
            do
            {
                try
                {
                    foreach (var source in await store.ListOutboxSourcesAsync(stopping))
                        sources.Signal(source, own: false);
                    started.TrySetResult();
                }
                catch (Exception e) when (!stopping.IsCancellationRequested)
                {
                    LogSweepFailed(logger, e, options.OutboxSweep.TotalSeconds);
                }

                if (store.IsShared || !started.Task.IsCompleted)
                    await sweep.WaitUntilAsync(time.GetUtcNow() + options.OutboxSweep, stopping);
            }
            while (store.IsShared || !started.Task.IsCompleted);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The process is ending.
        }
    }

    private IReadOnlyList<OutboxRecord> UrgentOf(GrainId source, IReadOnlyList<OutboxRecord> written) =>
        handler is { } deliversTo && written.Any(r => !r.Message.IsRow && deliversTo.IsUrgent(source, r.Message))
            ? [.. written.Where(r => !r.Message.IsRow && deliversTo.IsUrgent(source, r.Message))]
            : [];

    private (GrainId Taker, Func<Task> Deliver)? TakerOf(GrainId source, OutboxRecord record) =>
        handler is { } deliversTo && deliversTo.IsUrgent(source, record.Message) && deliversTo.TakerOf(source, record.Message) is { } taker
            ? (taker, () => deliversTo.HandleAsync(source, record, CancellationToken.None))
            : null;

    private void SignalOther(string key)
    {
        if (key.IndexOf('/', StringComparison.Ordinal) is var slash and > 0)
            sources.Signal(new GrainId(key[..slash], key[(slash + 1)..]), own: false);
    }

    private void Resume()
    {
        sources.WakeAll();
        sweep.Ring();
    }

    private async Task WorkAsync(IOutboxHandler handler, CancellationToken stopping)
    {
        try
        {
            await foreach (var source in ready.Reader.ReadAllAsync(stopping))
                await DrainAsync(handler, source, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // What was not delivered is in the store, and is found at the next start.
        }
    }

    private async Task DrainAsync(IOutboxHandler handler, GrainId source, CancellationToken stopping)
    {
        do
        {
            var own = sources.Begin(source);
            try
            {
                var ahead = await DeliverUrgentAsync(handler, source, stopping);
                var more = true;
                while (more)
                    more = await DeliverBatchAsync(handler, source, own, ahead, stopping) == BatchSize;
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                var failures = sources.Fail(source);
                var wait = options.OutboxBackoff(failures);
                telemetry.DeliveryFailed();
                LogDeliveryFailed(logger, e, source.Type, failures, wait.TotalSeconds);
                sources.Retry(source, time, wait);
                return;
            }
        }
        while (!sources.End(source));
    }

    /// <summary>
    /// What cannot wait for the claim; returns the numbers of what was delivered. Another process that has the claim may deliver
    /// the same: twice is allowed.
    /// </summary>
    private async Task<HashSet<long>> DeliverUrgentAsync(IOutboxHandler handler, GrainId source, CancellationToken stopping)
    {
        var ahead = new HashSet<long>();
        foreach (var record in sources.TakeUrgent(source))
        {
            await handler.HandleAsync(source, record, stopping);
            ahead.Add(record.Sequence);
        }

        return ahead;
    }

    private async Task<int> DeliverBatchAsync(IOutboxHandler handler, GrainId source, bool own, HashSet<long> ahead, CancellationToken stopping)
    {
        // Where another process is at it, it has been told of what is new as well. Only what this process wrote itself
        // nobody else knows of: that it waits for.
        // Before it reads: what it reads is of this epoch, or of a later one in which it is read again.
        var readIn = epoch.Current;
        await using var claim = await store.ClaimOutboxAsync(source, BatchSize, wait: own, stopping);
        if (claim is null)
            return 0;
        var delivered = 0;
        try
        {
            foreach (var record in claim.Records)
            {
                if (!ahead.Contains(record.Sequence))
                    await OutboxDelivery.Run(readIn, () => handler.HandleAsync(source, record, stopping));
                delivered++;
            }
        }
        finally
        {
            // Also where a later one failed: what got through is not sent again, if that can be helped.
            if (delivered > 0)
            {
                telemetry.Delivered(delivered);
                sources.Progress(source);
                await claim.CompleteAsync(claim.Records[delivered - 1].Sequence);
            }
        }

        return claim.Records.Count;
    }
}
