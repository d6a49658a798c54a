using JitGrains.Audit;
using JitGrains.Shell;

namespace JitGrains.Quotas;

/// <summary>The shell around <see cref="QuotaMachine"/>.</summary>
[GrainType("quota")]
public sealed class QuotaGrain(
    [PersistentState("quota")] IPersistentState<GrainDocument<QuotaState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<QuotaState, QuotaEvent>(new QuotaMachine(), document, clock, sealer), IQuotaGrain
{
    /// <summary>Never used: nothing here is audited.</summary>
    protected override string AuditSource => "quota";

    /// <inheritdoc/>
    public Task<Reply<QuotaLease>> Lease(LeaseQuota command) => Run((state, now) => QuotaMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<Done>> Return(ReturnQuota command) => Run((state, now) => QuotaMachine.Decide(state, command, now));

    /// <inheritdoc/>
    public Task<QuotaView> Get() => Task.FromResult(QuotaMachine.View(State, Now));

    /// <summary>A lease is renewed each second; one that is lost is leased again.</summary>
    protected override bool MayBeLost(QuotaEvent happened) => true;
}
