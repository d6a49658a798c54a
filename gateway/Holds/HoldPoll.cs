using JitGrains.Gateway.Hosting;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Holds;

namespace JitGrains.Gateway.Holds;

/// <summary>
/// The net under held callers: news of a decision in another process may be lost. So all that is waited for is looked up
/// every few seconds, and at once after news may have been missed. In queries of some hundred, and from memory that is kept: the ids of
/// ten thousand as one text are objects of a megabyte, which only the rarest of collections take away.
/// </summary>
internal sealed partial class HoldPoll(
    DecisionHub hub, IReadModel readModel, IClusterBus bus, GatewayOptions options, TimeProvider time, ILogger<HoldPoll> logger) : BackgroundService
{
    private const int AtOnce = 500;

    private readonly SemaphoreSlim missed = new(0, 1);
    private string[] awaited = new string[AtOnce];

    /// <summary>Looks once.</summary>
    internal async Task LookAsync(CancellationToken stopping)
    {
        int count;
        while ((count = hub.CopyAwaited(awaited)) > awaited.Length)
            awaited = new string[count + (count / 4)];
        for (var from = 0; from < count; from += AtOnce)
        {
            foreach (var decided in await readModel.ListDecidedAsync(new ArraySegment<string>(awaited, from, Math.Min(AtOnce, count - from)), stopping))
                hub.Tell(decided);
        }

        Array.Clear(awaited);
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
