using JitGrains.Grants;

namespace JitGrains.Silo.Holds;

/// <summary>What ended a wait for a decision.</summary>
public enum WaitEnd
{
    /// <summary>The request was decided.</summary>
    Decided,

    /// <summary>The request's grant came to be; the request may yet be shown as pending.</summary>
    Granted,

    /// <summary>It was waited long enough.</summary>
    TimedOut,

    /// <summary>The caller hung up.</summary>
    CallerLeft,

    /// <summary>The process stops.</summary>
    Stopping,
}

/// <summary>
/// One waiter, and all that it takes to wait: whatever ends the wait ends this one, instead of being waited for by itself, for there
/// are ten thousand of them. Dispose it once. Thread-safe.
/// </summary>
public sealed class DecisionSubscription : IDisposable
{
    private readonly DecisionHub hub;
    private readonly bool forGrant;

    // Who ends it must not run what the waiter does next.
    private readonly TaskCompletionSource<WaitEnd> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int disposed;

    internal DecisionSubscription(DecisionHub hub, string requestId, bool forGrant) => (this.hub, RequestId, this.forGrant) = (hub, requestId, forGrant);

    /// <summary>Completes with what came first.</summary>
    public Task<WaitEnd> Ended => ended.Task;

    /// <summary>
    /// After <see cref="WaitEnd.Granted"/>, the grant where that was told too: its signature is not checked yet, and whether it still
    /// stands only its holder's grain knows.
    /// </summary>
    public Grant? Told { get; private set; }

    internal string RequestId { get; }

    // Those who wait for the same request; the hub's, under its lock.
    internal DecisionSubscription? Earlier { get; set; }

    internal DecisionSubscription? Later { get; set; }

    /// <summary>Ends the wait, unless it has ended.</summary>
    public void End(WaitEnd why) => ended.TrySetResult(why);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref disposed, 1) == 0)
            hub.Unsubscribe(this);
    }

    /// <summary>The grant is there. By one at a time.</summary>
    internal void Grant(Grant? told)
    {
        if (!forGrant || ended.Task.IsCompleted)
            return;
        Told = told;
        ended.TrySetResult(WaitEnd.Granted);
    }
}
