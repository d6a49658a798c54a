using JitGrains.Audit;
using JitGrains.Shell;

namespace JitGrains.Erasures;

/// <summary>The shell around <see cref="ErasuresMachine"/>.</summary>
[GrainType("erasures")]
public sealed class ErasuresGrain(
    [PersistentState("erasures")] IPersistentState<GrainDocument<ErasuresState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<ErasuresState, ValuesErased>(new ErasuresMachine(), document, clock, sealer), IErasuresGrain
{
    /// <inheritdoc/>
    protected override string AuditSource => "erasures";

    /// <inheritdoc/>
    public Task<Reply<Erased>> Erase(EraseCommand command) => Run((state, now) => ErasuresMachine.Decide(state, command, now));
}
