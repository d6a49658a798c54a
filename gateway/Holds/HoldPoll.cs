using JitGrains.Gateway.Hosting;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Holds;

namespace JitGrains.Gateway.Holds;

/// <summary>
/// The net under held callers: news of a decision in another process may be lost. So all that is waited for is looked up
/// every few seconds, in one query, and at once after news may have been missed.
/// </summary>
internal sealed partial class HoldPoll(
    DecisionHub hub, IReadModel readModel, IClusterBus bus, GatewayOptions options, TimeProvider time, ILogger<HoldPoll> logger) : BackgroundService
{
    private readonly SemaphoreSlim missed = new(0, 1);

    /// <summary>Looks once.</summary>
    internal async Task LookAsync(CancellationToken stopping)
    {
        if (hub.Awaited is not { Count: > 0 } awaited)
            return;
        foreach (var decided in await readModel.ListDecidedAsync(awaited, stopping))
            hub.Tell(decided);
    }

    public override void Dispose()
    {
        missed.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        bus.Resumed += OnResumed;
        try
        {
            while (true)
            {
                using var tick = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
                await Task.WhenAny(missed.WaitAsync(tick.Token), Task.Delay(options.HoldPoll, time, tick.Token));
                stoppingToken.ThrowIfCancellationRequested();
                await tick.CancelAsync();
                try
                {
                    await LookAsync(stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    LogNotRead(logger, e);
                }
            }
        }
        finally
        {
            bus.Resumed -= OnResumed;
        }
    }

    private void OnResumed(object? sender, EventArgs e)
    {
        lock (missed)
        {
            if (missed.CurrentCount == 0)
                missed.Release();
        }
    }

    [LoggerMessage(3700, LogLevel.Warning, "It cannot be read which held requests were decided; their callers go on waiting")]
    private static partial void LogNotRead(ILogger logger, Exception exception);
}
