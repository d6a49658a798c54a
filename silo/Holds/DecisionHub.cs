using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.Wire;

namespace JitGrains.Silo.Holds;

/// <summary>
/// Wakes whoever waits for a request's decision in this process, right after the turn that decided it is durable: a turn
/// of this process at once, one of another by the bus. A grant is there a moment before its request says so. Subscribe first, then read the request, then wait: so no decision can
/// fall in between. Ten thousand waiters cost a dictionary entry and a <see cref="DecisionSubscription"/> each. Thread-safe.
/// </summary>
public sealed class DecisionHub : ICommitObserver, IDisposable
{
    private readonly IDisposable news;
    private readonly IDisposable grants;
    private readonly Lock gate = new();

    /// <summary>By request: the latest who waits for it, and from there the others.</summary>
    private readonly Dictionary<string, DecisionSubscription> waiting = new(StringComparer.Ordinal);
    private bool stopped;

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

    /// <summary>
    /// Copies requests that are waited for and not known to be decided, and says how many there are; where there is no room for all, as
    /// many as there is.
    /// </summary>
    public int CopyAwaited(Span<string> into)
    {
        var count = 0;
        lock (gate)
        {
            foreach (var (id, latest) in waiting)
            {
                if (IsAwaited(latest) && count++ < into.Length)
                    into[count - 1] = id;
            }
        }

        return count;
    }

    /// <summary>Starts to listen for the request's decision. Dispose to stop.</summary>
    /// <param name="requestId">The request.</param>
    /// <param name="forGrant">Whether the request's grant is waited for as well, which comes to be before the request says so.</param>
    public DecisionSubscription Subscribe(string requestId, bool forGrant = false)
    {
        var one = new DecisionSubscription(this, requestId, forGrant);
        lock (gate)
        {
            if (waiting.TryGetValue(requestId, out var latest))
                (one.Earlier, latest.Later) = (latest, one);
            waiting[requestId] = one;
            if (stopped)
                one.End(WaitEnd.Stopping);
        }

        return one;
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
            for (var one = waiting.GetValueOrDefault(requestId); one is not null; one = one.Earlier)
                one.End(WaitEnd.Decided);
        }
    }

    /// <summary>The process stops: wakes all, and whoever comes from now on.</summary>
    public void Stop()
    {
        lock (gate)
        {
            stopped = true;
            foreach (var latest in waiting.Values)
            {
                for (var one = latest; one is not null; one = one.Earlier)
                    one.End(WaitEnd.Stopping);
            }
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

    internal void Unsubscribe(DecisionSubscription one)
    {
        lock (gate)
        {
            one.Earlier?.Later = one.Later;
            if (one.Later is not null)
                one.Later.Earlier = one.Earlier;
            else if (one.Earlier is not null)
                waiting[one.RequestId] = one.Earlier;
            else
                waiting.Remove(one.RequestId);
        }
    }

    private void TellGranted(string requestId, Func<Grant?> signed)
    {
        lock (gate)
        {
            // Most news is for callers of other gateways, and not looked at.
            if (!waiting.TryGetValue(requestId, out var latest) || !IsAwaited(latest))
                return;
        }

        var told = signed();
        lock (gate)
        {
            for (var one = waiting.GetValueOrDefault(requestId); one is not null; one = one.Earlier)
                one.Grant(told);
        }
    }

    private static bool IsAwaited(DecisionSubscription latest)
    {
        for (var one = latest; one is not null; one = one.Earlier)
        {
            if (!one.Ended.IsCompleted)
                return true;
        }

        return false;
    }
}
