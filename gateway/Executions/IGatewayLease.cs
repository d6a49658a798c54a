using JitGrains.Runtime.Engine;

namespace JitGrains.Gateway.Executions;

/// <summary>Whether this gateway may start executions under approve rules at this moment. Thread-safe; costs nothing.</summary>
internal interface IGatewayLease
{
    /// <summary>Without it every approve rule answers 503.</summary>
    bool IsLive { get; }
}

/// <summary>The lease where gateway and silo are one process: live while the store takes writes.</summary>
internal sealed class InProcessLease(IStoreHealth health) : IGatewayLease
{
    public bool IsLive => health.Current.IsHealthy;
}
