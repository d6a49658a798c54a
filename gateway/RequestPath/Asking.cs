using JitGrains.Approvals;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Limits;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.Limits;
using JitGrains.Principals;
using JitGrains.Silo;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.RequestPath;

/// <summary>What came of raising or joining: exactly one of the two.</summary>
/// <param name="Reply">The principal's reply.</param>
/// <param name="Limited">Why nothing could be raised, where a rate limit is used up.</param>
internal readonly record struct Asked(Reply<AskAccepted>? Reply, Problem? Limited);

/// <summary>Raises asks, or joins the request that is open for the same thing. Thread-safe.</summary>
internal sealed class Asking(RequestLookup requests, IGrainFactory grains, StoreGuard store, GatewayOptions options, AskLimiter limiter, GatewayMetrics metrics)
{
    /// <summary>
    /// Raises or joins. Where this process is a part of the control plane, the request can be read by its id once this has
    /// returned; otherwise once a silo has delivered the principal's message, which takes milliseconds.
    /// </summary>
    /// <param name="ask">The ask.</param>
    /// <param name="call">Whose ask it is.</param>
    /// <param name="join">Only this request may be joined, and none raised.</param>
    public async Task<Asked> RaiseOrJoin(Ask ask, LimitedCall call, string? join)
    {
        var takes = new LimitTakes();
        // Whoever may raise nothing more may still come back to what it has raised.
        if (join is null && !limiter.TryTake(takes, call, out var refused) && (join = await requests.FindOpen(ask)) is null)
            return new Asked(null, limiter.Refuse(refused, call));
        metrics.StoreWait("ask");
        var reply = await store.Ask(ask.CallerKey, () => Raise(ask, join));
        if (reply.Value is not { Raised: true })
            takes.GiveBackFrom(0);
        return new Asked(reply, null);
    }

    private async Task<Reply<AskAccepted>> Raise(Ask ask, string? join)
    {
        var principal = grains.GetGrain<IPrincipalGrain>(ask.CallerKey);
        var reply = await principal.Ask(new AskCommand(ask, join));
        // Joined one that has just ended, and the news is still on its way to the principal: bring it there, and ask anew.
        // Not after a denial: that answer stands, and with it goes a cool-down.
        if (join is null && reply.Value is { Raised: false, GrantId: null } joined
            && await requests.Find(joined.RequestId) is { Status: RequestStatus.Cancelled or RequestStatus.Expired or RequestStatus.Failed } over)
        {
            await principal.CloseRequest(new RequestClosed(over.Id, over.Status, over.Action, over.Resource, CoolDownUntil: null));
            reply = await principal.Ask(new AskCommand(ask, null));
        }

        if (reply.Value is { Ask: { } raised } && options.Role.RunsSilo())
            await grains.GetGrain<IApprovalRequestGrain>(raised.RequestId).Raise(raised);
        return reply;
    }
}
