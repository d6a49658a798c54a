using JitGrains.Keys;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Keys;

/// <summary>
/// Tells the store now and then which keys were used last, all in one write, and has keys looked up anew, so that what is kept of them is never older
/// than that while the store answers.
/// </summary>
internal sealed partial class ApiKeyUseTeller(ApiKeys keys, IGrainFactory grains, TimeProvider time, ILogger<ApiKeyUseTeller> logger) : BackgroundService
{
    internal static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    /// <summary>Tells what is left.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await Tell();
    }

    /// <summary>Tells once.</summary>
    internal async Task Tell()
    {
        var uses = keys.TakeUses();
        if (uses.IsEmpty)
            return;
        try
        {
            await grains.GetGrain<IApiKeyUsesGrain>(IApiKeyUsesGrain.Key).Note(new NoteKeyUses(uses)).WaitAsync(TimeSpan.FromSeconds(5), time);
            keys.Forget();
        }
        catch (Exception e)
        {
            // The next use says it again.
            LogNotTold(logger, e);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await Tell();
    }

    [LoggerMessage(2640, LogLevel.Warning, "Which API keys were used last could not be told")]
    private static partial void LogNotTold(ILogger logger, Exception exception);
}
