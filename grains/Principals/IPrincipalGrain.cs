using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Principals;

/// <summary>
/// One caller (subject and whole actor chain, keyed by <see cref="Caller.KeyOf"/>): its grants, and the map from
/// re-join key to approval request, so that the same ask is raised once. Every command is idempotent by its id.
/// </summary>
[Alias("jit.IPrincipalGrain"), Version(1)]
public interface IPrincipalGrain : IGrainWithStringKey
{
    /// <summary>Raises an approval request, or finds the one already open for the same ask.</summary>
    [Alias("Ask")]
    Task<Reply<AskAccepted>> Ask(AskCommand command);

    /// <summary>
    /// Takes back a request of its own: the request's grain is told by message, and decides whether that comes in time. Not
    /// found where this caller has no such ask open.
    /// </summary>
    [Alias("CancelRequest")]
    Task<Reply<Done>> CancelRequest(CancelRequestCommand command);

    /// <summary>Takes one use of a counted grant, with its audit entry, in one transaction. The only way to execute under one.</summary>
    [Alias("Consume")]
    Task<Reply<ExecutionRecord>> Consume(ConsumeCommand command);

    /// <summary>Records what came of an execution. The first outcome stays.</summary>
    [Alias("RecordOutcome")]
    Task<Reply<Done>> RecordOutcome(OutcomeCommand command);

    /// <summary>Takes on a grant that an approved request creates.</summary>
    [Alias("IssueGrant")]
    Task<Reply<Done>> IssueGrant(Grant grant);

    /// <summary>A request ended without a grant: its re-join key is free again, after a denial once the cool-down is over.</summary>
    [Alias("CloseRequest")]
    Task<Reply<Done>> CloseRequest(RequestClosed closed);

    /// <summary>Takes away one grant, or all. Once it returned, no later <see cref="Consume"/> succeeds under them.</summary>
    [Alias("Revoke")]
    Task<Reply<GrantsEnded>> Revoke(RevokeCommand command);

    /// <summary>The holder gives a grant back.</summary>
    [Alias("Release")]
    Task<Reply<GrantsEnded>> Release(string grantId);

    /// <summary>The active grants, from the primary store.</summary>
    [ReadOnly, Alias("GetView")]
    Task<PrincipalView> GetView();
}

/// <summary>Raise or re-join.</summary>
/// <param name="Ask">The whole ask; its id is used only if it is raised.</param>
/// <param name="JoinRequestId">Where the caller named a request (<c>Jit-Request</c>): join that one or refuse, never raise.</param>
[GenerateSerializer, Alias("jit.AskCommand")]
public sealed record AskCommand([property: Id(0)] Ask Ask, [property: Id(1)] string? JoinRequestId);

/// <summary>Take a request back. A second time for the same request changes nothing.</summary>
/// <param name="RequestId">The request.</param>
/// <param name="By">Who asks.</param>
[GenerateSerializer, Alias("jit.CancelRequestCommand")]
public sealed record CancelRequestCommand([property: Id(0)] string RequestId, [property: Id(1)] PrincipalId By);

/// <summary>An ask has its approval request.</summary>
/// <param name="RequestId">The request's id.</param>
/// <param name="Raised">Whether this command raised it; otherwise it re-joined.</param>
/// <param name="GrantId">The grant that the request has created already, if it has.</param>
/// <param name="Ask">
/// Where it was raised, the ask as recorded: whoever wants the request to be there at once, and not when the message to its
/// grain has been delivered, raises it with this (a second time changes nothing).
/// </param>
[GenerateSerializer, Alias("jit.AskAccepted")]
public sealed record AskAccepted(
    [property: Id(0)] string RequestId, [property: Id(1)] bool Raised, [property: Id(2)] string? GrantId, [property: Id(3)] Ask? Ask = null);

/// <summary>Take one use.</summary>
/// <param name="ExecutionId">Minted by the gateway for this one attempt.</param>
/// <param name="GrantId">The grant.</param>
/// <param name="Incarnation">The gateway incarnation.</param>
/// <param name="Action">The action of the call.</param>
/// <param name="Resource">The resource of the call.</param>
/// <param name="PayloadDigest">The call's keyed digest, where its action binds the payload.</param>
/// <param name="RejoinKey">What makes identical calls identical.</param>
/// <param name="PolicyVersion">The policy by which the gateway checked the call just before.</param>
/// <param name="TokenId">The exchanged token by which the call is made, or null.</param>
[GenerateSerializer, Alias("jit.ConsumeCommand")]
public sealed record ConsumeCommand(
    [property: Id(0)] string ExecutionId,
    [property: Id(1)] string GrantId,
    [property: Id(2)] string Incarnation,
    [property: Id(3)] string Action,
    [property: Id(4)] string Resource,
    [property: Id(5)] string? PayloadDigest,
    [property: Id(6)] string RejoinKey,
    [property: Id(7)] string PolicyVersion,
    [property: Id(8)] string? TokenId = null)
{
    /// <summary>
    /// What came of the same caller's earlier executions, as far as that is not recorded yet: recorded in the same turn, whatever
    /// becomes of this use.
    /// </summary>
    [Id(9)] public ImmutableArray<OutcomeCommand> Outcomes { get; init; } = [];
}

/// <summary>What came of an execution.</summary>
[GenerateSerializer, Alias("jit.OutcomeCommand")]
public sealed record OutcomeCommand([property: Id(0)] string ExecutionId, [property: Id(1)] ExecutionOutcome Outcome);

/// <summary>How a request ended without a grant.</summary>
[GenerateSerializer, Alias("jit.RequestClosed")]
public sealed record RequestClosed(
    [property: Id(0)] string RequestId,
    [property: Id(1)] RequestStatus Status,
    [property: Id(2)] string Action,
    [property: Id(3)] string Resource,
    [property: Id(4)] DateTimeOffset? CoolDownUntil);

/// <summary>Take grants away.</summary>
/// <param name="CommandId">Minted by whoever asks.</param>
/// <param name="GrantId">One grant, or null for all.</param>
/// <param name="By">Who asks.</param>
/// <param name="Reason">Why, or null.</param>
[GenerateSerializer, Alias("jit.RevokeCommand")]
public sealed record RevokeCommand(
    [property: Id(0)] string CommandId,
    [property: Id(1)] string? GrantId,
    [property: Id(2)] PrincipalId By,
    [property: Id(3)] string? Reason);

/// <summary>Grants that a command ended, and the view's version from then on.</summary>
/// <param name="GrantIds">Those that it ended.</param>
/// <param name="Version">The view's version.</param>
/// <param name="Others">
/// Where it ends all: those that had ended before and may have an execution that has not started, their last use or one that an
/// earlier command could not tell anybody to end.
/// </param>
[GenerateSerializer, Alias("jit.GrantsEnded")]
public sealed record GrantsEnded(
    [property: Id(0)] ImmutableArray<string> GrantIds, [property: Id(1)] long Version, ImmutableArray<string> Others = default)
{
    /// <summary>Those that had ended before; never default, which cannot be written.</summary>
    [Id(2)] public ImmutableArray<string> Others { get; init; } = Others.IsDefault ? [] : Others;
}
