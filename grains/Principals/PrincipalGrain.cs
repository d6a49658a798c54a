using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Shell;

namespace JitGrains.Principals;

/// <summary>The shell around <see cref="PrincipalMachine"/>.</summary>
[GrainType("principal")]
public sealed class PrincipalGrain(
    [PersistentState("principal")] IPersistentState<GrainDocument<PrincipalState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<PrincipalState, PrincipalEvent>(new PrincipalMachine(), document, clock, sealer), IPrincipalGrain
{
    /// <inheritdoc/>
    protected override string AuditSource => SourceOf(Sealer, this.GetPrimaryKeyString());

    /// <summary>The name of a principal's audit chain: the key itself is personal.</summary>
    public static string SourceOf(AuditSealer sealer, string callerKey) => $"principal/{sealer.PersonalDigest(callerKey)}";

    /// <inheritdoc/>
    public Task<Reply<AskAccepted>> Ask(AskCommand command) => Run((state, now) => PrincipalMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<Done>> CancelRequest(CancelRequestCommand command) => Run((state, now) => PrincipalMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<ExecutionRecord>> Consume(ConsumeCommand command)
    {
        var key = this.GetPrimaryKeyString();
        return Run((state, now) => PrincipalMachine.Decide(state, command, key, now));
    }

    /// <inheritdoc/>
    public Task<Reply<Done>> RecordOutcome(OutcomeCommand command) => Run((state, _) => PrincipalMachine.Decide(state, command));

    /// <inheritdoc/>
    public Task<Reply<Done>> IssueGrant(Grant grant) => Run((state, now) => PrincipalMachine.Decide(state, grant, now), notBefore: grant.NotBefore);

    /// <inheritdoc/>
    public Task<Reply<Done>> CloseRequest(RequestClosed closed) => Run((state, now) => PrincipalMachine.Decide(state, closed, now));

    /// <inheritdoc/>
    public Task<Reply<GrantsEnded>> Revoke(RevokeCommand command) => Run((state, now) => PrincipalMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<GrantsEnded>> Release(string grantId) => Run((state, now) => PrincipalMachine.Release(state, grantId, now));

    /// <inheritdoc/>
    public Task<PrincipalView> GetView() => Task.FromResult(PrincipalMachine.View(State, Now));
}
