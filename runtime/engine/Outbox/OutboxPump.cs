using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Drains grains' outboxes: woken by each commit, and at start for what a crash left over. One worker at a time for a
/// source, so its messages arrive in order; a failed one holds up its own source and no other.
/// </summary>
internal sealed partial class OutboxPump : BackgroundService, IOutboxPump
{
    private const int BatchSize = 64;

    private readonly IGrainStore store;
    private readonly IServiceProvider services;
    private readonly GrainEngineOptions options;
    private readonly TimeProvider time;
    private readonly EngineTelemetry telemetry;
    private readonly ILogger logger;
    private readonly Channel<GrainId> ready = Channel.CreateUnbounded<GrainId>();
    private readonly OutboxSources sources;

    // What an earlier run left over is known.
    private readonly TaskCompletionSource started = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public OutboxPump(
        IGrainStore store, CommitHub commits, IServiceProvider services, GrainEngineOptions options, TimeProvider time, EngineTelemetry telemetry, ILogger<OutboxPump> logger)
    {
        (this.store, this.services, this.options, this.time, this.telemetry, this.logger) = (store, services, options, time, telemetry, logger);
        sources = new OutboxSources(source => ready.Writer.TryWrite(source));
        commits.MessagesWritten += sources.Signal;
        telemetry.Observe("jitgrains.outbox.depth", "{grain}", "Grains with undelivered outbox messages", () => sources.Count);
    }

    public async Task WhenIdleAsync(CancellationToken cancellationToken = default)
    {
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
        // Resolved here: the handler needs the grain factory, whose turns wake this service.
        var handler = services.GetRequiredService<IOutboxHandler>();
        foreach (var source in await store.ListOutboxSourcesAsync(stoppingToken))
            sources.Signal(source);
        started.SetResult();
        await Task.WhenAll(Enumerable.Range(0, options.OutboxParallelism).Select(_ => WorkAsync(handler, stoppingToken)));
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
            sources.Begin(source);
            try
            {
                var more = true;
                while (more)
                    more = await DeliverBatchAsync(handler, source, stopping) == BatchSize;
            }
            catch (Exception e) when (!stopping.IsCancellationRequested)
            {
                var failures = sources.Fail(source);
                var wait = Backoff(failures);
                telemetry.DeliveryFailed();
                LogDeliveryFailed(logger, e, source.Type, failures, wait.TotalSeconds);
                sources.Retry(source, time, wait);
                return;
            }
        }
        while (!sources.End(source));
    }

    private async Task<int> DeliverBatchAsync(IOutboxHandler handler, GrainId source, CancellationToken stopping)
    {
        var records = await store.ReadOutboxAsync(source, BatchSize, stopping);
        var delivered = 0;
        try
        {
            foreach (var record in records)
            {
                await handler.HandleAsync(source, record, stopping);
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
                await store.DeleteOutboxAsync(source, records[delivered - 1].Sequence, CancellationToken.None);
            }
        }

        return records.Count;
    }

    private TimeSpan Backoff(int failures)
    {
        var factor = Math.Pow(2, Math.Min(failures - 1, 30));
        return options.OutboxRetryMin * factor < options.OutboxRetryMax ? options.OutboxRetryMin * factor : options.OutboxRetryMax;
    }
}
