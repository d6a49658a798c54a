using System.Collections.Concurrent;

namespace JitGrains.Runtime.Engine;

/// <summary>The bus where the cluster is one process: handlers run on the publisher's thread. Loses nothing.</summary>
internal sealed class InProcessBus : IClusterBus
{
    private readonly ConcurrentDictionary<string, BusSubscribers> topics = new(StringComparer.Ordinal);

    /// <summary>Never raised: nothing is missed within a process.</summary>
    public event EventHandler? Resumed
    {
        add { }
        remove { }
    }

    public string Address => "";

    public void Publish(BusMessage message)
    {
        if (topics.TryGetValue(message.Topic, out var subscribers))
            subscribers.Tell(message);
    }

    public IDisposable Subscribe(string topic, Action<BusMessage> handler) =>
        topics.GetOrAdd(topic, static _ => new BusSubscribers()).Add(handler);
}

/// <summary>Who listens to one topic. Thread-safe.</summary>
internal sealed class BusSubscribers
{
    private readonly Lock gate = new();
    private Action<BusMessage>[] handlers = [];

    public IDisposable Add(Action<BusMessage> handler)
    {
        lock (gate)
            handlers = [.. handlers, handler];
        return new Subscription(this, handler);
    }

    public void Tell(BusMessage message)
    {
        foreach (var handler in Volatile.Read(ref handlers))
            handler(message);
    }

    private void Remove(Action<BusMessage> handler)
    {
        lock (gate)
        {
            var at = Array.IndexOf(handlers, handler);
            if (at >= 0)
                handlers = [.. handlers[..at], .. handlers[(at + 1)..]];
        }
    }

    private sealed class Subscription(BusSubscribers subscribers, Action<BusMessage> handler) : IDisposable
    {
        private int disposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref disposed, 1) == 0)
                subscribers.Remove(handler);
        }
    }
}
