using JitGrains.Audit;
using JitGrains.Shell;

namespace JitGrains.PolicyVersions;

/// <summary>The shell around <see cref="PolicyMachine"/>.</summary>
[GrainType("policy")]
public sealed class PolicyGrain(
    [PersistentState("policy")] IPersistentState<GrainDocument<PolicyLedgerState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<PolicyLedgerState, PolicyTaken>(new PolicyMachine(), document, clock, sealer), IPolicyGrain
{
    /// <inheritdoc/>
    protected override string AuditSource => IPolicyGrain.Key;

    /// <inheritdoc/>
    public Task<Reply<PolicyApplied>> Apply(ApplyPolicyCommand command) => Run((state, now) => PolicyMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<PolicyHistory> GetHistory() => Task.FromResult(new PolicyHistory([.. State.Recent.Reverse()]));
}
