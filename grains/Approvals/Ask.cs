using System.Collections.Immutable;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Approvals;

/// <summary>
/// What a caller asks for, whole: everything that approvers are shown and everything that the grant will carry.
/// Immutable. The digest that approvers vote on covers all of it.
/// </summary>
[GenerateSerializer, Alias("jit.Ask")]
public sealed record Ask
{
    /// <summary>The approval request's id.</summary>
    [Id(0)] public required string RequestId { get; init; }

    /// <summary>The subject.</summary>
    [Id(1)] public required PrincipalId Principal { get; init; }

    /// <summary>Who acts for the subject, nearest first.</summary>
    [Id(2)] public ImmutableArray<PrincipalId> Actors { get; init; } = [];

    /// <summary>Others behind it, who never count as approvers (who triggered the job, the owner of the key).</summary>
    [Id(3)] public ImmutableArray<PrincipalId> Excluded { get; init; } = [];

    /// <summary>The API.</summary>
    [Id(4)] public required string Api { get; init; }

    /// <summary>The action.</summary>
    [Id(5)] public required string Action { get; init; }

    /// <summary>The action's access class.</summary>
    [Id(6)] public string? Access { get; init; }

    /// <summary>The action's sensitivity class.</summary>
    [Id(7)] public string? Sensitivity { get; init; }

    /// <summary>The resource (<c>order=42</c>), empty where the template captures nothing or any resource is asked for.</summary>
    [Id(8)] public required string Resource { get; init; }

    /// <summary>How much is pinned.</summary>
    [Id(9)] public required BindingKind Binding { get; init; }

    /// <summary>Keyed digest of the bound request, where the binding is payload.</summary>
    [Id(10)] public string? PayloadDigest { get; init; }

    /// <summary>Why, in the caller's words.</summary>
    [Id(11)] public string? Reason { get; init; }

    /// <summary>A reference to a ticket.</summary>
    [Id(12)] public string? Ticket { get; init; }

    /// <summary>Uses the grant will carry; null for any number within the window.</summary>
    [Id(13)] public int? Uses { get; init; }

    /// <summary>The window that starts at approval.</summary>
    [Id(14)] public required TimeSpan Window { get; init; }

    /// <summary>The rule's terms.</summary>
    [Id(15)] public required ApprovalTerms Terms { get; init; }

    /// <summary>One sentence for approvers.</summary>
    [Id(16)] public required string Summary { get; init; }

    /// <summary>The call as approvers see it, masked; null where it was asked ahead of any call.</summary>
    [Id(17)] public ReviewPayload? Payload { get; init; }

    /// <summary>Whether an identical call ran shortly before.</summary>
    [Id(18)] public bool RecentlyExecuted { get; init; }

    /// <summary>When it was raised; set by the principal's grain.</summary>
    [Id(19)] public DateTimeOffset RaisedAt { get; init; }

    /// <summary>Its deadline; set by the principal's grain.</summary>
    [Id(20)] public DateTimeOffset DecideBy { get; init; }

    /// <summary>What makes two asks the same one (caller, action, resource and binding).</summary>
    [Id(21)] public required string RejoinKey { get; init; }

    /// <summary>The address that it comes from, where that is known.</summary>
    [Id(22)] public string? Address { get; init; }

    /// <summary>That address' country (two letters of ISO 3166-1), where an address table says it.</summary>
    [Id(23)] public string? Country { get; init; }

    /// <summary>The key of the principal grain.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string CallerKey => Caller.KeyOf(Principal, Actors);

    /// <summary>Nobody of these counts as approver.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public ImmutableArray<PrincipalId> NeverApprovers => [Principal, .. Actors, .. Excluded];
}

/// <summary>A held call as approvers see it: masked, and saying where it is not whole.</summary>
[GenerateSerializer, Alias("jit.ReviewPayload")]
public sealed record ReviewPayload
{
    /// <summary>The method.</summary>
    [Id(0)] public required string Method { get; init; }

    /// <summary>The authority, lower case.</summary>
    [Id(1)] public required string Authority { get; init; }

    /// <summary>Path and query as forwarded, masked parameters replaced.</summary>
    [Id(2)] public required string Target { get; init; }

    /// <summary>Every bound header in order, masked values replaced.</summary>
    [Id(3)] public ImmutableArray<ReviewHeader> Headers { get; init; } = [];

    /// <summary>The body as text, masked fields replaced; null where there is none or it is no text.</summary>
    [Id(4)] public string? Body { get; init; }

    /// <summary>The body's length in bytes.</summary>
    [Id(5)] public long BodyBytes { get; init; }

    /// <summary>Whether <see cref="Body"/> shows less than the whole body (cut, binary or encoded); shown to approvers.</summary>
    [Id(6)] public bool BodyIncomplete { get; init; }

    /// <summary>Which fields were masked (<c>body.card_number</c>, <c>query.token</c>, <c>header.x-key</c>).</summary>
    [Id(7)] public ImmutableArray<string> Masked { get; init; } = [];
}

/// <summary>A header as shown.</summary>
/// <param name="Name">Lower case.</param>
/// <param name="Value">The value, or the mask.</param>
[GenerateSerializer, Alias("jit.ReviewHeader")]
public sealed record ReviewHeader([property: Id(0)] string Name, [property: Id(1)] string Value);
