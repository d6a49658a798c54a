using System.Collections.Concurrent;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// The bus' part in mail: wakes gateways, and hears what they have acknowledged. An acknowledgement names the mail by its
/// random id and comes from the gateway that applied it, so it counts however it travelled. Thread-safe.
/// </summary>
internal sealed class MailBell : IDisposable
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource> expected = new(StringComparer.Ordinal);
    private readonly IClusterBus bus;
    private readonly IDisposable subscription;

    /// <summary>Starts to listen.</summary>
    public MailBell(IClusterBus bus)
    {
        this.bus = bus;
        subscription = bus.Subscribe(BusTopics.Acknowledged, message =>
        {
            foreach (var id in (message.Data ?? "").Split(','))
            {
                if (expected.TryGetValue(id, out var rings))
                    rings.TrySetResult();
            }
        });
    }

    /// <summary>Completes when this mail is acknowledged. Call it before the mail is posted, and <see cref="Forget"/> in the end.</summary>
    public Task Expect(string mail) => expected.GetOrAdd(mail, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Stops listening for this mail.</summary>
    public void Forget(string mail) => expected.TryRemove(mail, out _);

    /// <summary>Tells a gateway that there is mail.</summary>
    public void Wake(string incarnation) => bus.Publish(new BusMessage(BusTopics.Mail, incarnation));

    /// <inheritdoc/>
    public void Dispose() => subscription.Dispose();
}
