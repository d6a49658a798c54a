using JitGrains.Approvals;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.RequestPath;
using JitGrains.Gateway.Telemetry;
using JitGrains.Grants;
using JitGrains.Silo.Holds;
using JitGrains.Wire;

namespace JitGrains.Gateway.Holds;

/// <summary>How a hold ended.</summary>
/// <param name="Request">The request as it stands now; null where its grain has not shown it yet.</param>
/// <param name="CallerLeft">Whether the caller hung up, so that there is nobody to answer.</param>
/// <param name="Granted">Whether the grant is there, which the request may not show yet.</param>
/// <param name="Told">The grant, where that was told too; not checked yet.</param>
internal readonly record struct HoldEnd(ApprovalRequestView? Request, bool CallerLeft, bool Granted = false, Grant? Told = null);

/// <summary>
/// Where callers wait for decisions. A caller that hangs up leaves its request open; at a stop everybody is answered at
/// once, with the way to re-join. Whoever waits keeps here what it takes to wait, and nothing of the request. Thread-safe.
/// </summary>
internal sealed class HoldRoom : IDisposable
{
    private readonly DecisionHub hub;
    private readonly RequestLookup requests;
    private readonly LoadShedder calls;
    private readonly GatewayOptions options;
    private readonly GatewayMetrics metrics;
    private readonly TimeProvider time;
    private readonly CancellationTokenRegistration stopping;
    private int held;

    public HoldRoom(DecisionHub hub, RequestLookup requests, IHostApplicationLifetime lifetime, LoadShedder calls, GatewayOptions options, GatewayMetrics metrics, TimeProvider time)
    {
        (this.hub, this.requests, this.calls, this.options, this.metrics, this.time) = (hub, requests, calls, options, metrics, time);
        stopping = lifetime.ApplicationStopping.Register(hub.Stop);
    }

    /// <summary>How many wait at the moment.</summary>
    public int Held => Volatile.Read(ref held);

    /// <summary>Waits for the request's decision, at most this long, and not at all where the room is full or the gateway stops.</summary>
    /// <param name="requestId">The request.</param>
    /// <param name="longest">The longest.</param>
    /// <param name="forGrant">Whether it is a call that is held, until there is a grant at the latest; else somebody who asks how a request stands.</param>
    /// <param name="callerLeft">The caller has hung up.</param>
    public async Task<HoldEnd> Wait(string requestId, TimeSpan longest, bool forGrant, CancellationToken callerLeft)
    {
        using var subscription = hub.Subscribe(requestId, forGrant);
        if (await EnterOrEnd(requestId, longest) is { } atOnce)
            return atOnce;
        var began = time.GetTimestamp();
        metrics.HoldBegan();
        // Whoever only waits for a person takes no call's place.
        if (forGrant)
            calls.Leave();
        using var activity = GatewayMetrics.Activities.StartActivity("hold");
        activity?.SetTag("jitgrains.request", requestId);
        var ended = WaitEnd.Stopping;
        try
        {
            using var timer = time.CreateTimer(static one => ((DecisionSubscription)one!).End(WaitEnd.TimedOut), subscription, longest, Timeout.InfiniteTimeSpan);
            using var left = callerLeft.UnsafeRegister(static one => ((DecisionSubscription)one!).End(WaitEnd.CallerLeft), subscription);
            ended = await subscription.Ended;
        }
        finally
        {
            if (forGrant)
                calls.Resume();
            Interlocked.Decrement(ref held);
            metrics.HoldEnded(time.GetElapsedTime(began), Word(ended));
        }

        if (callerLeft.IsCancellationRequested)
            return new HoldEnd(Request: null, CallerLeft: true);
        return ended == WaitEnd.Granted
            ? new HoldEnd(Request: null, CallerLeft: false, Granted: true, subscription.Told)
            : new HoldEnd(await requests.Find(requestId), CallerLeft: false);
    }

    /// <summary>Takes a place, or says how it stands where there is nothing to wait for, or no room. What is found here is not kept while it waits.</summary>
    private async Task<HoldEnd?> EnterOrEnd(string requestId, TimeSpan longest)
    {
        var now = await requests.Find(requestId);
        if (now is { Status: not RequestStatus.Pending } || longest <= TimeSpan.Zero)
            return new HoldEnd(now, CallerLeft: false);
        if (Interlocked.Increment(ref held) <= options.MaxHeld)
            return null;
        Interlocked.Decrement(ref held);
        return new HoldEnd(now, CallerLeft: false);
    }

    public void Dispose() => stopping.Dispose();

    private static string Word(WaitEnd ended) => ended switch
    {
        WaitEnd.TimedOut => "timeout",
        WaitEnd.CallerLeft => "caller_left",
        WaitEnd.Stopping => "stopping",
        _ => "decided",
    };
}
