using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Wire;

namespace JitGrains.Silo.Holds;

/// <summary>
/// Wakes whoever waits for a request's decision in this process, right after the turn that decided it is durable: a turn
/// of this process at once, one of another by the bus. A grant is there a moment before its request says so. Subscribe first, then read the request, then wait: so no decision can
/// fall in between. Ten thousand waiters cost a dictionary entry and a task each. Thread-safe.
/// </summary>
public sealed class DecisionHub : ICommitObserver, IDisposable
{
    private readonly IDisposable news;
    private readonly IDisposable grants;
    private readonly Lock gate = new();
    private readonly Dictionary<string, Channel> channels = new(StringComparer.Ordinal);

    /// <summary>Creates the hub and has it listen to the bus.</summary>
    public DecisionHub(IClusterBus bus)
    {
        news = bus.Subscribe(BusTopics.Decided, message => Tell(message.Key));
        grants = bus.Subscribe(BusTopics.View, message =>
        {
            if (message.Data is { } data)
                TellGranted(GrantNews.RequestOf(data), () => GrantNews.GrantOf(data));
        });
    }

    /// <summary>How many wait at the moment.</summary>
    public int Waiting
    {
        get
        {
            lock (gate)
                return channels.Values.Sum(c => c.Subscribers);
        }
    }

    /// <summary>The requests that are waited for and not known to be decided.</summary>
    public IReadOnlyList<string> Awaited
    {
        get
        {
            lock (gate)
                return [.. channels.Where(c => !c.Value.Decided.Task.IsCompleted).Select(c => c.Key)];
        }
    }

    /// <summary>Starts to listen for the request's decision. Dispose to stop.</summary>
    public DecisionSubscription Subscribe(string requestId)
    {
        lock (gate)
        {
            if (!channels.TryGetValue(requestId, out var channel))
                channels[requestId] = channel = new Channel();
            channel.Subscribers++;
            return new DecisionSubscription(this, requestId, channel.Decided.Task, channel.Granted.Task);
        }
    }

    /// <inheritdoc/>
    public void Committed(GrainId source, IReadOnlyList<OutboxMessage> messages)
    {
        foreach (var message in messages)
        {
            if (message is OutboxMessage.ShowRequest { Request: { Status: not RequestStatus.Pending } request })
                Tell(request.Id);
            else if (message is OutboxMessage.ShowGrant { Grant: var grant, Whole: var signed } && IsNew(grant))
                TellGranted(grant.RequestId, () => signed);
        }
    }

    /// <summary>The request is decided: wakes who waits for it.</summary>
    public void Tell(string requestId)
    {
        lock (gate)
        {
            if (channels.TryGetValue(requestId, out var channel))
                channel.Decided.TrySetResult();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        news.Dispose();
        grants.Dispose();
    }

    /// <summary>Whether it came to be just now. Uses and ends of grants are no news to wait for.</summary>
    internal static bool IsNew(GrantView grant) => grant.Status == GrantStatus.Active && grant.UsesLeft == grant.Uses;

    internal void Unsubscribe(string requestId)
    {
        lock (gate)
        {
            if (channels.TryGetValue(requestId, out var channel) && --channel.Subscribers == 0)
                channels.Remove(requestId);
        }
    }

    private void TellGranted(string requestId, Func<Grant?> signed)
    {
        Channel? channel;
        lock (gate)
            channels.TryGetValue(requestId, out channel);
        // Most news is for callers of other gateways, and not looked at.
        if (channel is { Granted.Task.IsCompleted: false })
            channel.Granted.TrySetResult(signed());
    }

    private sealed class Channel
    {
        // The committing turn must not run the waiters' continuations.
        public TaskCompletionSource Decided { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<Grant?> Granted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int Subscribers { get; set; }
    }
}

/// <summary>One waiter. Dispose it once.</summary>
public sealed class DecisionSubscription : IDisposable
{
    private readonly DecisionHub hub;
    private readonly string requestId;
    private int disposed;

    internal DecisionSubscription(DecisionHub hub, string requestId, Task decided, Task<Grant?> granted)
    {
        this.hub = hub;
        this.requestId = requestId;
        Decided = decided;
        Granted = granted;
    }

    /// <summary>Completes when the request was decided after the subscription began.</summary>
    public Task Decided { get; }

    /// <summary>
    /// Completes when the request's grant came to be after the subscription began; the request may yet be shown as pending. With the
    /// grant where that was told too: its signature is not checked yet, and whether it still stands only its holder's grain knows.
    /// </summary>
    public Task<Grant?> Granted { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 0)
            hub.Unsubscribe(requestId);
    }
}
