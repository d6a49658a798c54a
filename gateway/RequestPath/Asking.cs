using JitGrains.Approvals;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Telemetry;
using JitGrains.Principals;
using JitGrains.Silo;

namespace JitGrains.Gateway.RequestPath;

/// <summary>Raises asks, or joins the request that is open for the same thing. Thread-safe.</summary>
internal sealed class Asking(RequestLookup requests, IGrainFactory grains, GatewayOptions options, GatewayMetrics metrics)
{
    /// <summary>
    /// Raises or joins. Where this process is a part of the control plane, the request can be read by its id once this has
    /// returned; otherwise once a silo has delivered the principal's message, which takes milliseconds.
    /// </summary>
    /// <param name="ask">The ask.</param>
    /// <param name="join">Only this request may be joined, and none raised.</param>
    public async Task<Reply<AskAccepted>> RaiseOrJoin(Ask ask, string? join)
    {
        metrics.StoreWait("ask");
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
