using System.Threading.Channels;
using JitGrains.Outbox;
using JitGrains.Shell;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Delivers the messages of the grains that are active on this silo: rows to the store first, then whoever waits is told,
/// then each other message to its target, in order. One worker at a time for a source. What a silo leaves behind is found
/// by the grain's next activation, at the latest when its reminder comes.
/// </summary>
internal sealed partial class OutboxDrain : BackgroundService, IOutboxPump, IOutboxSignal
{
    private readonly IServiceProvider services;
    private readonly ProjectionWriter projection;
    private readonly GrainEngineOptions options;
    private readonly TimeProvider time;
    private readonly EngineTelemetry telemetry;
    private readonly ILogger logger;
    private readonly Channel<GrainId> ready = Channel.CreateUnbounded<GrainId>();
    private readonly OutboxSources sources;
    private long signals;

    public OutboxDrain(
        IServiceProvider services, ProjectionWriter projection, GrainEngineOptions options, TimeProvider time, EngineTelemetry telemetry, ILogger<OutboxDrain> logger)
    {
        (this.services, this.projection, this.options, this.time, this.telemetry, this.logger) = (services, projection, options, time, telemetry, logger);
        sources = new OutboxSources(source => ready.Writer.TryWrite(source));
        telemetry.Observe("jitgrains.outbox.depth", "{grain}", "Grains with undelivered outbox messages", () => sources.Count);
    }

    /// <summary>How often a grain had messages; with it a test sees whether several silos are idle at the same time.</summary>
    internal long Signals => Interlocked.Read(ref signals);

    public Task WhenIdleAsync(CancellationToken cancellationToken = default) => sources.WhenIdle.WaitAsync(cancellationToken);

    public void MessagesWait(string grainType, string key)
    {
        Interlocked.Increment(ref signals);
        sources.Signal(new GrainId(grainType, key), own: true);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Resolved here: handler and observers need the grain factory.
        var target = new Target(
            services.GetRequiredService<IGrainFactory>(),
            services.GetRequiredService<IOutboxHandler>(),
            [.. services.GetServices<ICommitObserver>()]);
        await Task.WhenAll(Enumerable.Range(0, options.OutboxParallelism).Select(_ => WorkAsync(target, stoppingToken)));
    }

    private async Task WorkAsync(Target target, CancellationToken stopping)
    {
        try
        {
            await foreach (var source in ready.Reader.ReadAllAsync(stopping))
                await DrainAsync(target, source, stopping);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // What was not delivered is in the grains' state.
        }
    }

    private async Task DrainAsync(Target target, GrainId source, CancellationToken stopping)
    {
        do
        {
            sources.Begin(source);
            try
            {
                await DeliverAsync(target, source, stopping);
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

    private async Task DeliverAsync(Target target, GrainId source, CancellationToken stopping)
    {
        var grain = target.Grains.GetGrain<IOutboxSource>(Orleans.Runtime.GrainId.Create(source.Type, source.Key));
        var messages = await grain.PeekOutbox();
        if (messages.IsEmpty)
            return;
        var fresh = await projection.ApplyAsync(source, messages);
        if (fresh.Count > 0)
            Tell(target, source, [.. fresh.Select(r => r.Message)]);

        long delivered = 0;
        try
        {
            foreach (var record in messages)
            {
                if (!record.Message.IsRow)
                    await target.Handler.HandleAsync(source, record, stopping);
                delivered = record.Sequence;
            }
        }
        finally
        {
            // Also where a later one failed: what got through is not sent again, if that can be helped.
            if (delivered > 0)
            {
                telemetry.Delivered(messages.Count(m => m.Sequence <= delivered));
                sources.Progress(source);
                await grain.TrimOutbox(delivered);
            }
        }
    }

    private void Tell(Target target, GrainId source, OutboxMessage[] messages)
    {
        foreach (var observer in target.Observers)
        {
            try
            {
                observer.Committed(source, messages);
            }
            catch (Exception e)
            {
                LogObserverFailed(logger, e, observer.GetType().Name, source.Type);
            }
        }
    }

    private TimeSpan Backoff(int failures)
    {
        var factor = Math.Pow(2, Math.Min(failures - 1, 30));
        return options.OutboxRetryMin * factor < options.OutboxRetryMax ? options.OutboxRetryMin * factor : options.OutboxRetryMax;
    }

    private sealed record Target(IGrainFactory Grains, IOutboxHandler Handler, ICommitObserver[] Observers);
}
