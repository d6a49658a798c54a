using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// Has callers' grants read anew once they have another one. Should the news be lost, whoever was granted something is still
/// not refused: a call that finds no grant asks, and asking finds it.
/// </summary>
internal sealed class NewGrants(IClusterBus bus, GrantViews views) : IHostedService, IDisposable
{
    private IDisposable? news;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        news = bus.Subscribe(BusTopics.View, message => views.Drop(message.Key));
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => news?.Dispose();
}
