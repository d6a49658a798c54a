using JitGrains.Audit;
using JitGrains.Shell;

namespace JitGrains.Assertions;

/// <summary>The shell around <see cref="AssertionKeysMachine"/>.</summary>
[GrainType("assertionkeys")]
public sealed class AssertionKeysGrain(
    [PersistentState("assertionkeys")] IPersistentState<GrainDocument<AssertionKeysState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<AssertionKeysState, AssertionKeyTaken>(new AssertionKeysMachine(), document, clock, sealer), IAssertionKeysGrain
{
    /// <inheritdoc/>
    protected override string AuditSource => "assertionkeys";

    /// <inheritdoc/>
    public Task<Reply<AssertionKeySet>> Offer(OfferAssertionKey command) => Run((state, now) => AssertionKeysMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<AssertionKeySet> Get() => Task.FromResult(AssertionKeysMachine.View(State, Now));
}
