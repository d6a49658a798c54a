using JitGrains.Audit;
using JitGrains.Shell;

namespace JitGrains.Gateways;

/// <summary>The shell around <see cref="GatewayMachine"/>.</summary>
[GrainType("gateway")]
public sealed class GatewayGrain(
    [PersistentState("gateway")] IPersistentState<GrainDocument<GatewayState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<GatewayState, GatewayEvent>(new GatewayMachine(), document, clock, sealer), IGatewayGrain
{
    /// <summary>Never used: what happens to leases is told in the system chain.</summary>
    protected override string AuditSource => $"gateway_lease/{this.GetPrimaryKeyString()}";

    private string Incarnation => this.GetPrimaryKeyString();

    /// <inheritdoc/>
    public Task<Reply<LeaseView>> Open(OpenLease command) => Run((state, now) => GatewayMachine.Decide(state, command, Incarnation, now));

    /// <inheritdoc/>
    public Task<Reply<LeaseView>> Renew(RenewLease command) => Run((state, now) => GatewayMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<LeaseView>> Post(GatewayMail mail) => Run((state, now) => GatewayMachine.Decide(state, mail, Incarnation, now));

    /// <inheritdoc/>
    public Task<Reply<Done>> Acknowledge(AcknowledgeMail command) => Run((state, _) => GatewayMachine.Decide(state, command));

    /// <inheritdoc/>
    public Task<Reply<LeaseView>> Condemn(CondemnGateway command) => Run((state, now) => GatewayMachine.Decide(state, command, Incarnation, now));

    /// <inheritdoc/>
    public Task<Reply<LeaseView>> Close(CloseLease command) => Run((state, now) => GatewayMachine.Decide(state, command, Incarnation, now));

    /// <inheritdoc/>
    public Task<LeaseView> Get() => Task.FromResult(GatewayMachine.View(State));

    /// <summary>Losing these delays or refuses and does nothing else; each renewal, post and acknowledgement would wait for the disk.</summary>
    protected override bool MayBeLost(GatewayEvent happened) =>
        happened is GatewayEvent.Renewed or GatewayEvent.Posted or GatewayEvent.Acknowledged;
}
