using System.Threading.Channels;
using JitGrains.Outbox;
using JitGrains.Shell;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Delivers the messages of the grains that are active on this silo: rows to the store in the turn that made them, then
/// whoever waits is told; after the turn, each other message to its target, in order. One worker at a time for a source. What
/// a silo leaves behind is found by the grain's next activation, at the latest when its reminder comes.
/// </summary>
internal sealed partial class OutboxDrain : BackgroundService, IOutboxPump, IOutboxService
{
    private readonly IServiceProvider services;
    private readonly ProjectionWriter projection;
    private readonly GrainEngineOptions options;
    private readonly TimeProvider time;
    private readonly EngineTelemetry telemetry;
    private readonly ILogger logger;
    private readonly Channel<GrainId> ready = Channel.CreateUnbounded<GrainId>();
    private readonly OutboxSources sources;
    private readonly Lazy<ICommitObserver[]> observers;
    private readonly Lazy<ICommitNews[]> news;
    private long signals;

    public OutboxDrain(
        IServiceProvider services, ProjectionWriter projection, GrainEngineOptions options, TimeProvider time, EngineTelemetry telemetry, ILogger<OutboxDrain> logger)
    {
        (this.services, this.projection, this.options, this.time, this.telemetry, this.logger) = (services, projection, options, time, telemetry, logger);
        observers = new(() => [.. services.GetServices<ICommitObserver>()]);
        news = new(() => [.. services.GetServices<ICommitNews>()]);
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

    public async Task<bool> WrittenAsync(string grainType, string key, IReadOnlyList<OutboxRecord> undelivered)
    {
        try
        {
            await ApplyAsync(new GrainId(grainType, key), undelivered);
            if (undelivered.All(r => r.Message.IsRow))
                return true;
        }
        catch (Exception e)
        {
            // The turn stands: its state holds the rows, and they are tried again after it.
            telemetry.DeliveryFailed();
            LogRowsLate(logger, e, grainType);
        }

        MessagesWait(grainType, key);
        return false;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.DeliverAfter is { } isReady)
            await isReady(services).WaitAsync(stoppingToken);
        // Resolved here: the handler needs the grain factory.
        var target = new Target(services.GetRequiredService<IGrainFactory>(), services.GetRequiredService<IOutboxHandler>());
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
                var wait = options.OutboxBackoff(failures);
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
        await ApplyAsync(source, messages);

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

    /// <summary>Rows first: what follows from a message must find them. Then whoever waits is told.</summary>
    private async Task ApplyAsync(GrainId source, IReadOnlyList<OutboxRecord> messages)
    {
        var fresh = await projection.ApplyAsync(source, messages);
        if (fresh.Count > 0)
            Tell(source, [.. fresh.Select(r => r.Message)]);
    }

    private void Tell(GrainId source, OutboxMessage[] messages)
    {
        foreach (var observer in observers.Value)
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

        if (news.Value.Length == 0)
            return;
        var bus = services.GetRequiredService<IClusterBus>();
        foreach (var message in news.Value.SelectMany(n => n.Of(messages)))
            bus.Publish(message);
    }

    private sealed record Target(IGrainFactory Grains, IOutboxHandler Handler);
}
