using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Identity;

namespace JitGrains.Grants;

/// <summary>How much of a request a grant pins.</summary>
[GenerateSerializer, Alias("jit.BindingKind")]
public enum BindingKind
{
    /// <summary>The action, whatever its resource.</summary>
    Action,

    /// <summary>The action on one resource.</summary>
    Resource,

    /// <summary>The action on one resource with exactly this method, authority, path, query, body and headers.</summary>
    Payload,
}

/// <summary>A grant's life. Only <see cref="Active"/> lets anything start.</summary>
[GenerateSerializer, Alias("jit.GrantStatus")]
public enum GrantStatus
{
    /// <summary>May be used within its window.</summary>
    Active,

    /// <summary>Its last use is taken.</summary>
    Consumed,

    /// <summary>Its window ended.</summary>
    Expired,

    /// <summary>Somebody with the right to took it away.</summary>
    Revoked,

    /// <summary>Its holder gave it back.</summary>
    Released,
}

/// <summary>
/// What an approval creates: who may do what, pinned how far, from when until when, how often. Immutable; signed as a
/// whole by a key that only silos hold (see <see cref="GrantSigner"/>). How many uses are left is the principal's state.
/// </summary>
[GenerateSerializer, Alias("jit.Grant")]
public sealed record Grant
{
    /// <summary>The grant's id, derived from its request's: one request makes one grant.</summary>
    [Id(0)] public required string Id { get; init; }

    /// <summary>The approval request that it came from.</summary>
    [Id(1)] public required string RequestId { get; init; }

    /// <summary>The subject that may call.</summary>
    [Id(2)] public required PrincipalId Principal { get; init; }

    /// <summary>The actor chain that it was given to; another chain is another caller.</summary>
    [Id(3)] public ImmutableArray<PrincipalId> Actors { get; init; } = [];

    /// <summary>The API.</summary>
    [Id(4)] public required string Api { get; init; }

    /// <summary>The action.</summary>
    [Id(5)] public required string Action { get; init; }

    /// <summary>How much is pinned.</summary>
    [Id(6)] public required BindingKind Binding { get; init; }

    /// <summary>The resource (<c>order=42</c>) where <see cref="Binding"/> is resource or payload.</summary>
    [Id(7)] public string? Resource { get; init; }

    /// <summary>The keyed digest of the bound request where <see cref="Binding"/> is payload.</summary>
    [Id(8)] public string? PayloadDigest { get; init; }

    /// <summary>First instant at which an execution may start: the approval.</summary>
    [Id(9)] public required DateTimeOffset NotBefore { get; init; }

    /// <summary>From this instant on nothing starts.</summary>
    [Id(10)] public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>How many executions, or null for any number within the window.</summary>
    [Id(11)] public int? Uses { get; init; }

    /// <summary>The rule that was applied.</summary>
    [Id(12)] public required string Rule { get; init; }

    /// <summary>The policy version that was applied.</summary>
    [Id(13)] public required string PolicyVersion { get; init; }

    /// <summary>Whether the rule's automatic conditions approved it, with no person's vote.</summary>
    [Id(14)] public bool Automatic { get; init; }

    /// <summary>The votes that carried it; checked again against the current rule at each use.</summary>
    [Id(15)] public ImmutableArray<RecordedVote> Votes { get; init; } = [];

    /// <summary>
    /// The store's epoch in which it was made; in another it is void, for the store may have forgotten that it was used or
    /// revoked. Null only before it is sent.
    /// </summary>
    [Id(17)] public string? Epoch { get; init; }

    /// <summary>Key id and signature, <c>kid.base64url</c>; null only before signing.</summary>
    [Id(16)] public string? Signature { get; init; }

    /// <summary>The key of the principal grain that holds it.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string CallerKey => Caller.KeyOf(Principal, Actors);

    /// <summary>The id of the one grant that a request can create.</summary>
    public static string IdFor(string requestId) => $"gr_{requestId[(requestId.IndexOf('_', StringComparison.Ordinal) + 1)..]}";

    /// <summary>Whether the grant covers this call; time and status are checked apart.</summary>
    public bool Covers(string action, string resource, string? payloadDigest) =>
        Action == action
        && (Binding == BindingKind.Action || Resource == resource)
        && (Binding != BindingKind.Payload || (PayloadDigest is not null && PayloadDigest == payloadDigest));
}

/// <summary>A grant with what its principal's grain counts.</summary>
/// <param name="Grant">The grant as signed.</param>
/// <param name="UsesLeft">Executions left, or null for any number.</param>
[GenerateSerializer, Alias("jit.ActiveGrant")]
public sealed record ActiveGrant([property: Id(0)] Grant Grant, [property: Id(1)] int? UsesLeft);

/// <summary>What a gateway keeps of a principal: its active grants at a version. Never answered from a replica.</summary>
/// <param name="Version">Rises with each change of the set of grants.</param>
/// <param name="Grants">The active grants.</param>
[GenerateSerializer, Alias("jit.PrincipalView")]
public sealed record PrincipalView([property: Id(0)] long Version, [property: Id(1)] ImmutableArray<ActiveGrant> Grants);
