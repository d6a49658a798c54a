namespace JitGrains.Runtime.Engine;

/// <summary>
/// Wakes the other processes of the cluster. A message may be lost, doubled or late: whoever listens also looks by itself,
/// slowly, and looks at once when <see cref="Resumed"/> is raised. Nothing may be right only because a message arrived.
/// Thread-safe. Publishing never waits for the network and never throws.
/// </summary>
public interface IClusterBus
{
    /// <summary>Where this process alone is reached: for <see cref="BusMessage.To"/> of what answers it.</summary>
    string Address { get; }

    /// <summary>Sends to every process of the cluster, this one included; messages of the same moment travel together.</summary>
    void Publish(BusMessage message);

    /// <summary>Tells who listens in this process alone, of what the others were told on another way.</summary>
    void Tell(BusMessage message) => Publish(message);

    /// <summary>Listens to a topic. The handler must be quick and not throw. Dispose to stop.</summary>
    IDisposable Subscribe(string topic, Action<BusMessage> handler);

    /// <summary>Raised after messages may have been missed, once they arrive again; must be quick and not throw.</summary>
    event EventHandler? Resumed;
}

/// <summary>A message of the bus.</summary>
/// <param name="Topic">One of <see cref="BusTopics"/>.</param>
/// <param name="Key">What it is about; no secret, and no personal data beyond a caller's key.</param>
/// <param name="Data">What else is to be known, or null; at most <see cref="MaxData"/> characters.</param>
/// <param name="To">The only process that needs it, by its <see cref="IClusterBus.Address"/>; others may get it all the same.</param>
public sealed record BusMessage(string Topic, string Key, string? Data = null, string? To = null)
{
    /// <summary>Most characters of <see cref="Data"/>.</summary>
    public const int MaxData = 4_000;
}

/// <summary>The topics of the bus.</summary>
public static class BusTopics
{
    /// <summary>A grain has messages to deliver; the key is its <see cref="GrainId"/>.</summary>
    public const string Outbox = "outbox";

    /// <summary>An approval request is decided; the key is its id.</summary>
    public const string Decided = "decided";

    /// <summary>A principal has a new grant; the key is the caller's, the data its request's id.</summary>
    public const string View = "view";

    /// <summary>A gateway has mail; the key is its incarnation.</summary>
    public const string Mail = "mail";

    /// <summary>What every gateway must no longer rely on, in the data; the key is a mail's id.</summary>
    public const string Told = "told";

    /// <summary>A gateway has acknowledged mail; the key is its incarnation, the data the mail's ids.</summary>
    public const string Acknowledged = "ack";

    /// <summary>A personal value was erased; the key is its digest, the data when.</summary>
    public const string Erased = "erased";

    /// <summary>A delivery to a system outside was queued.</summary>
    public const string Delivery = "delivery";
}
