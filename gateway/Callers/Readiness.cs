using JitGrains.Gateway.RequestPath;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.ControlPlane;
using JitGrains.Silo.Policies;

namespace JitGrains.Gateway.Callers;

/// <summary>
/// Whether this gateway should get calls: as the control plane says it, and never once it stops. Thread-safe.
/// </summary>
internal sealed class Readiness(IStoreHealth store, IPolicyProvider policies, IHostApplicationLifetime lifetime)
{
    public async Task Answer(HttpContext context)
    {
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            await Answers.Refuse(context, Problems.Unavailable("The gateway is stopping."));
        else
            await (await HealthEndpoints.ReadyAsync(context, store, policies)).ExecuteAsync(context);
    }
}
