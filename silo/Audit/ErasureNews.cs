using System.Globalization;
using JitGrains.Runtime.Engine;
using Microsoft.Extensions.Hosting;

namespace JitGrains.Silo.Audit;

/// <summary>
/// Tells and hears of erased values: a process that takes a value for held would not write it again when its person acts. Nothing
/// comes back by a message that is lost. Thread-safe.
/// </summary>
internal sealed class ErasureNews(IPersonalValues values, IClusterBus bus) : IHostedService
{
    private IDisposable? subscription;

    /// <summary>A value was erased.</summary>
    public static BusMessage Of(string digest, DateTimeOffset at) => new(BusTopics.Erased, digest, at.UtcTicks.ToString(CultureInfo.InvariantCulture));

    public Task StartAsync(CancellationToken cancellationToken)
    {
        subscription = bus.Subscribe(BusTopics.Erased, Hear);
        bus.Resumed += MayHaveMissed;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        bus.Resumed -= MayHaveMissed;
        subscription?.Dispose();
        return Task.CompletedTask;
    }

    private void Hear(BusMessage message)
    {
        // Whoever has a login to the database may send anything.
        if (long.TryParse(message.Data, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTimeOffset.MaxValue.UtcTicks)
            values.Forget(message.Key, new DateTimeOffset(ticks, TimeSpan.Zero));
    }

    private void MayHaveMissed(object? sender, EventArgs e) => values.ForgetAll();
}
