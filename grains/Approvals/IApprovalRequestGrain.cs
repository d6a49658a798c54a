using System.Collections.Immutable;
using JitGrains.Identity;
using JitGrains.Wire;

namespace JitGrains.Approvals;

/// <summary>One ask, keyed by its id: the votes and the one decision. Every command is idempotent.</summary>
[Alias("jit.IApprovalRequestGrain"), Version(1)]
public interface IApprovalRequestGrain : IGrainWithStringKey
{
    /// <summary>Takes on the ask. A second time changes nothing.</summary>
    [Alias("Raise")]
    Task<Reply<ApprovalRequestView>> Raise(Ask ask);

    /// <summary>Takes on an ask that cannot be approved, as failed, so that it is on record and its caller learns of it. Where it was taken on before, nothing changes.</summary>
    [Alias("RaiseFailed")]
    Task<Reply<ApprovalRequestView>> RaiseFailed(Ask ask, string because);

    /// <summary>Records a vote, and decides the request if it is the deciding one.</summary>
    [Alias("Vote")]
    Task<Reply<ApprovalRequestView>> Vote(VoteCommand command);

    /// <summary>The requester (or an operator) takes it back.</summary>
    [Alias("Cancel")]
    Task<Reply<ApprovalRequestView>> Cancel(CancelCommand command);

    /// <summary>The principal's grain has taken on the grant: only now the request shows as approved.</summary>
    [Alias("ConfirmGrant")]
    Task<Reply<Done>> ConfirmGrant(string grantId);

    /// <summary>The principal's grain would not take on the grant.</summary>
    [Alias("FailGrant")]
    Task<Reply<Done>> FailGrant(string because);

    /// <summary>The request as it stands, from the primary store.</summary>
    [ReadOnly, Alias("Get")]
    Task<Reply<ApprovalRequestView>> Get();
}

/// <summary>A vote as cast.</summary>
/// <param name="Approver">Who votes.</param>
/// <param name="Actors">Who acts for the approver; a vote through anybody else does not count.</param>
/// <param name="Groups">The approver's qualified groups at this moment.</param>
/// <param name="Decision">The decision.</param>
/// <param name="Comment">A comment, or null.</param>
/// <param name="Digest">The digest of what the approver saw.</param>
/// <param name="SignIn">How and when the approver has signed in, or null where nothing is known.</param>
[GenerateSerializer, Alias("jit.VoteCommand")]
public sealed record VoteCommand(
    [property: Id(0)] PrincipalId Approver,
    [property: Id(1)] ImmutableArray<PrincipalId> Actors,
    [property: Id(2)] ImmutableArray<string> Groups,
    [property: Id(3)] VoteDecision Decision,
    [property: Id(4)] string? Comment,
    [property: Id(5)] string Digest,
    [property: Id(6)] SignIn? SignIn = null);

/// <summary>Take a request back.</summary>
/// <param name="By">Who asks.</param>
/// <param name="CallerKey">The caller's key; must be the requester's unless <paramref name="Operator"/>.</param>
/// <param name="Operator">Whether the control plane vouches that this is an operator.</param>
[GenerateSerializer, Alias("jit.CancelCommand")]
public sealed record CancelCommand([property: Id(0)] PrincipalId By, [property: Id(1)] string CallerKey, [property: Id(2)] bool Operator);
