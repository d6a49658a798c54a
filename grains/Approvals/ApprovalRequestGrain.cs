using JitGrains.Audit;
using JitGrains.Binding;
using JitGrains.Outbox;
using JitGrains.Secrets;
using JitGrains.Shell;
using JitGrains.Wire;

namespace JitGrains.Approvals;

/// <summary>The key of the digests that approvers vote on. Only silos hold it.</summary>
/// <param name="Key">The key.</param>
public sealed record ReviewDigestKey(SecretKey Key);

/// <summary>The shell around <see cref="RequestMachine"/>.</summary>
[GrainType("request")]
public sealed class ApprovalRequestGrain(
    [PersistentState("request")] IPersistentState<GrainDocument<RequestState>> document,
    ITurnClock clock,
    AuditSealer sealer,
    ReviewDigestKey digestKey)
    : MachineGrain<RequestState, RequestEvent>(new RequestMachine(), document, clock, sealer), IApprovalRequestGrain
{
    /// <inheritdoc/>
    protected override string AuditSource => $"request/{this.GetPrimaryKeyString()}";

    /// <summary>
    /// A grant is of the epoch in which it was approved, whenever it is delivered: a store that was set back delivers what it
    /// has delivered before, and has forgotten that it was revoked then.
    /// </summary>
    protected override OutboxMessage Complete(OutboxMessage message, string epoch) =>
        message is OutboxMessage.IssueGrant issue ? issue with { Grant = issue.Grant with { Epoch = epoch } } : message;

    /// <inheritdoc/>
    public Task<Reply<ApprovalRequestView>> Raise(Ask ask)
    {
        var digest = DigestOf(ask);
        return Run((state, now) => RequestMachine.Raise(state, ask, digest, now));
    }

    /// <inheritdoc/>
    public Task<Reply<ApprovalRequestView>> RaiseFailed(Ask ask, string because)
    {
        var digest = DigestOf(ask);
        return Run((state, now) => RequestMachine.RaiseFailed(state, ask, digest, because, now));
    }

    /// <inheritdoc/>
    public Task<Reply<ApprovalRequestView>> Vote(VoteCommand command) => Run((state, now) => RequestMachine.Vote(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<ApprovalRequestView>> Cancel(CancelCommand command) => Run((state, now) => RequestMachine.Cancel(state, command, now));

    /// <inheritdoc/>
    public Task<Reply<Done>> ConfirmGrant(string grantId) => Run((state, _) => RequestMachine.Confirm(state, grantId));

    /// <inheritdoc/>
    public Task<Reply<Done>> FailGrant(string because) => Run((state, now) => RequestMachine.Fail(state, because, now));

    /// <inheritdoc/>
    public Task<Reply<ApprovalRequestView>> Get() =>
        Task.FromResult<Reply<ApprovalRequestView>>(State.Ask is null ? new Refusal.NotFound("request") : RequestMachine.View(State));

    private string DigestOf(Ask ask) => ask.RequestId == this.GetPrimaryKeyString()
        ? ReviewDigest.Compute(digestKey.Key.Span, ask)
        : throw new ArgumentException("the ask is for another request", nameof(ask));
}
