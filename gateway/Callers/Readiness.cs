using JitGrains.Gateway.Leases;
using JitGrains.Gateway.RequestPath;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.Callers;

/// <summary>
/// Whether this gateway should get calls: as the control plane says it, and never once it stops. Thread-safe.
/// </summary>
internal sealed class Readiness(IStoreHealth store, IPolicyProvider policies, IGatewayLease lease, IHostApplicationLifetime lifetime)
{
    public async Task Answer(HttpContext context)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            await Answers.Refuse(context, Problems.Unavailable("The gateway is stopping."));
        else if (!lease.MayAllow)
            await Answers.Refuse(context, Problems.Unavailable("The gateway has been without the control plane for too long."));
        else
            await (await HealthEndpoints.ReadyAsync(context, store, policies)).ExecuteAsync(context);
    }
}
