using JitGrains.Gateway.Forwarding;
using JitGrains.Gateway.RequestPath;
using JitGrains.Gateways;
using JitGrains.Silo.Policies;
using JitGrains.Silo.Revocation;

namespace JitGrains.Gateway.Executions;

/// <summary>
/// Has another policy in force everywhere in this gateway before that is acknowledged. What comes to its last check from then
/// on is held against the new policy there. What had passed it by the old one, and has not shown its first byte, is held
/// against the new one here: where that does not permit it, it is cut off and waited for. Thread-safe.
/// </summary>
internal sealed class PolicyDrain(IPolicyProvider policies, Redecision redecision, ExecutionRegistry registry) : IInvalidationTarget
{
    /// <inheritdoc/>
    public async ValueTask ApplyAsync(Invalidation what, CancellationToken cancellationToken)
    {
        if (what is not (Invalidation.Policy or Invalidation.Everything))
            return;
        // All parts are told at once, and the policy has to be there first; whoever comes second finds it loaded.
        if (policies is IInvalidationTarget loading)
            await loading.ApplyAsync(what, cancellationToken);
        await registry.CutUnstarted(Stands, ForwardErrors.PolicyChanged);
    }

    private bool Stands(Execution execution)
    {
        try
        {
            return execution.Call is not { } call || (execution.Grant is { } grant ? redecision.StillStands(call, grant) : redecision.StillForwards(call));
        }
        catch (Exception)
        {
            // A call that ends at this moment cannot be looked at any more; cutting it off changes nothing.
            return false;
        }
    }
}
