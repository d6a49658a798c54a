using System.Collections.Immutable;
using System.Text.Json.Serialization;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.PolicyVersions;
using JitGrains.Principals;
using JitGrains.Wire;

namespace JitGrains.Outbox;

/// <summary>
/// What a turn sends to others. Written with the state in one store operation and delivered at least once, in order per
/// source, deduplicated by (source, sequence). Closed.
/// </summary>
[GenerateSerializer, Alias("jit.OutboxMessage")]
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(Audit), "audit")]
[JsonDerivedType(typeof(ShowRequest), "show_request")]
[JsonDerivedType(typeof(ShowGrant), "show_grant")]
[JsonDerivedType(typeof(ShowExecution), "show_execution")]
[JsonDerivedType(typeof(ShowPolicy), "show_policy")]
[JsonDerivedType(typeof(RaiseRequest), "raise_request")]
[JsonDerivedType(typeof(CancelRequest), "cancel_request")]
[JsonDerivedType(typeof(CloseRequest), "close_request")]
[JsonDerivedType(typeof(IssueGrant), "issue_grant")]
[JsonDerivedType(typeof(ConfirmGrant), "confirm_grant")]
[JsonDerivedType(typeof(FailGrant), "fail_grant")]
[JsonDerivedType(typeof(RecordInSystemChain), "record_in_system_chain")]
[JsonDerivedType(typeof(Notify), "notify")]
[JsonDerivedType(typeof(EraseValues), "erase_values")]
public abstract record OutboxMessage
{
    private OutboxMessage() { }

    /// <summary>Whether the built-in engine's store writes it in the turn's own transaction, so that nothing is left to deliver.</summary>
    [JsonIgnore]
    public bool IsRow => this is Audit or ShowRequest or ShowGrant or ShowExecution or ShowPolicy;

    /// <summary>An entry of the source's audit chain.</summary>
    [GenerateSerializer, Alias("jit.Outbox.Audit")]
    public sealed record Audit(AuditEntry Entry) : OutboxMessage;

    /// <summary>Read model: a request as it now stands.</summary>
    [GenerateSerializer, Alias("jit.Outbox.ShowRequest")]
    public sealed record ShowRequest(ApprovalRequestView Request) : OutboxMessage;

    /// <summary>Read model: a grant as it now stands.</summary>
    [GenerateSerializer, Alias("jit.Outbox.ShowGrant")]
    public sealed record ShowGrant(GrantView Grant) : OutboxMessage
    {
        /// <summary>
        /// Where it has just come to be, the grant itself, for telling whoever waits for it; not stored, and so not there where the
        /// message was read back.
        /// </summary>
        [Id(0), JsonIgnore] public Grant? Whole { get; init; }
    }

    /// <summary>Read model: an execution as it now stands.</summary>
    [GenerateSerializer, Alias("jit.Outbox.ShowExecution")]
    public sealed record ShowExecution(ExecutionRecord Execution) : OutboxMessage;

    /// <summary>A version of the policy with its texts.</summary>
    [GenerateSerializer, Alias("jit.Outbox.ShowPolicy")]
    public sealed record ShowPolicy(StoredPolicy Policy) : OutboxMessage;

    /// <summary>To the request's grain: take on this ask.</summary>
    [GenerateSerializer, Alias("jit.Outbox.RaiseRequest")]
    public sealed record RaiseRequest(Ask Ask) : OutboxMessage;

    /// <summary>To the request's grain: the requester takes it back. Whose it is, is the source's key.</summary>
    [GenerateSerializer, Alias("jit.Outbox.CancelRequest")]
    public sealed record CancelRequest(string RequestId, PrincipalId By) : OutboxMessage;

    /// <summary>To the principal's grain: the request ended without a grant.</summary>
    [GenerateSerializer, Alias("jit.Outbox.CloseRequest")]
    public sealed record CloseRequest(string CallerKey, RequestClosed Closed) : OutboxMessage;

    /// <summary>To the principal's grain: take on this grant (the silo signs it on the way).</summary>
    [GenerateSerializer, Alias("jit.Outbox.IssueGrant")]
    public sealed record IssueGrant(Grant Grant) : OutboxMessage;

    /// <summary>To the request's grain: the grant exists.</summary>
    [GenerateSerializer, Alias("jit.Outbox.ConfirmGrant")]
    public sealed record ConfirmGrant(string RequestId, string GrantId) : OutboxMessage;

    /// <summary>To the request's grain: the grant was not taken on.</summary>
    [GenerateSerializer, Alias("jit.Outbox.FailGrant")]
    public sealed record FailGrant(string RequestId, string Because) : OutboxMessage;

    /// <summary>To the system chain's grain.</summary>
    [GenerateSerializer, Alias("jit.Outbox.RecordInSystemChain")]
    public sealed record RecordInSystemChain(SystemRecord Record) : OutboxMessage;

    /// <summary>To people and systems outside.</summary>
    [GenerateSerializer, Alias("jit.Outbox.Notify")]
    public sealed record Notify(Notification Notification) : OutboxMessage;

    /// <summary>To the audit store: the values behind these digests are no longer to be held.</summary>
    [GenerateSerializer, Alias("jit.Outbox.EraseValues")]
    public sealed record EraseValues(ImmutableArray<string> Digests, DateTimeOffset At) : OutboxMessage;
}

/// <summary>A message with its place in its source's order.</summary>
[GenerateSerializer, Alias("jit.OutboxRecord")]
public sealed record OutboxRecord([property: Id(0)] long Sequence, [property: Id(1)] OutboxMessage Message);

/// <summary>What is told outside (webhooks first).</summary>
/// <param name="Id">The same for each delivery of the same event.</param>
/// <param name="Type"><c>request.raised</c> or <c>request.decided</c>.</param>
/// <param name="At">When it happened.</param>
/// <param name="Request">The request as it stood then.</param>
[GenerateSerializer, Alias("jit.Notification")]
public sealed record Notification(
    [property: Id(0)] string Id,
    [property: Id(1)] string Type,
    [property: Id(2)] DateTimeOffset At,
    [property: Id(3)] ApprovalRequestView Request);
