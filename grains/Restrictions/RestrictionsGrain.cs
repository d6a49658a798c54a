using JitGrains.Audit;
using JitGrains.Shell;

namespace JitGrains.Restrictions;

/// <summary>The shell around <see cref="RestrictionsMachine"/>.</summary>
[GrainType("restrictions")]
public sealed class RestrictionsGrain(
    [PersistentState("restrictions")] IPersistentState<GrainDocument<RestrictionsState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<RestrictionsState, RestrictionsEvent>(new RestrictionsMachine(), document, clock, sealer), IRestrictionsGrain
{
    /// <inheritdoc/>
    protected override string AuditSource => "restrictions";

    /// <inheritdoc/>
    public Task<Reply<RestrictionsView>> Block(BlockCommand command) => Run((state, now) => RestrictionsMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<RestrictionsView>> Unblock(UnblockCommand command) => Run((state, _) => RestrictionsMachine.Decide(state, command));

    /// <inheritdoc/>
    public Task<Reply<RestrictionsView>> RevokeMatching(RevokeMatchingCommand command) => Run((state, now) => RestrictionsMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<RestrictionsView> Get() => Task.FromResult(RestrictionsMachine.View(State));
}
