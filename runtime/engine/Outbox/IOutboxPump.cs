namespace JitGrains.Runtime.Engine;

/// <summary>The service that delivers grains' messages. Thread-safe.</summary>
public interface IOutboxPump
{
    /// <summary>
    /// Completes once no message that was committed before the call, and none that came of delivering those, waits for
    /// delivery. A message whose delivery fails over and over keeps it from completing,
    /// and so does a service that was not started. Of a store that processes share: messages that this process wrote or was
    /// told of. In a process that delivers nothing (<see cref="GrainEngineOptions.RunsOutbox"/>) it completes at once.
    /// </summary>
    Task WhenIdleAsync(CancellationToken cancellationToken = default);
}
