using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.Wire;

/// <summary>An approval request as approvers and operators see it (snake_case JSON).</summary>
[GenerateSerializer, Alias("jit.ApprovalRequestView")]
public sealed record ApprovalRequestView
{
    /// <summary>The id.</summary>
    [Id(0)] public required string Id { get; init; }

    /// <summary>The status.</summary>
    [Id(1)] public required RequestStatus Status { get; init; }

    /// <summary>The subject.</summary>
    [Id(2)] public required PrincipalId Principal { get; init; }

    /// <summary>Who acts for the subject, nearest first.</summary>
    [Id(3)] public ImmutableArray<PrincipalId> Actors { get; init; } = [];

    /// <summary>The API.</summary>
    [Id(4)] public required string Api { get; init; }

    /// <summary>The action.</summary>
    [Id(5)] public required string Action { get; init; }

    /// <summary>The action's access class.</summary>
    [Id(6)] public string? Access { get; init; }

    /// <summary>The action's sensitivity class.</summary>
    [Id(7)] public string? Sensitivity { get; init; }

    /// <summary>The resource, or empty.</summary>
    [Id(8)] public required string Resource { get; init; }

    /// <summary>How much the grant will pin.</summary>
    [Id(9)] public required BindingKind Binding { get; init; }

    /// <summary>One sentence for approvers.</summary>
    [Id(10)] public required string Summary { get; init; }

    /// <summary>Why, in the caller's words.</summary>
    [Id(11)] public string? Reason { get; init; }

    /// <summary>A reference to a ticket.</summary>
    [Id(12)] public string? Ticket { get; init; }

    /// <summary>The masked call; null where asked ahead.</summary>
    [Id(13)] public ReviewPayload? Payload { get; init; }

    /// <summary>Uses the grant will carry; null for any number within the window.</summary>
    [Id(14)] public int? Uses { get; init; }

    /// <summary>The window after approval, in seconds.</summary>
    [Id(15)] public required int WindowSeconds { get; init; }

    /// <summary>The rule that asks for approval.</summary>
    [Id(16)] public required string Rule { get; init; }

    /// <summary>The policy version.</summary>
    [Id(17)] public required string PolicyVersion { get; init; }

    /// <summary>Whether the rule approved it by itself.</summary>
    [Id(18)] public bool Automatic { get; init; }

    /// <summary>The stages and how far each is.</summary>
    [Id(19)] public ImmutableArray<StageView> Stages { get; init; } = [];

    /// <summary>The votes so far.</summary>
    [Id(20)] public ImmutableArray<RecordedVote> Votes { get; init; } = [];

    /// <summary>What a vote must quote: <c>hmac-sha256;jit-review-1;...</c></summary>
    [Id(21)] public required string Digest { get; init; }

    /// <summary>Whether an identical call ran shortly before.</summary>
    [Id(22)] public bool RecentlyExecuted { get; init; }

    /// <summary>When raised.</summary>
    [Id(23)] public required DateTimeOffset RaisedAt { get; init; }

    /// <summary>Until when it can be decided.</summary>
    [Id(24)] public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>When it got its status, if it is not pending.</summary>
    [Id(25)] public DateTimeOffset? DecidedAt { get; init; }

    /// <summary>The grant it created.</summary>
    [Id(26)] public string? GrantId { get; init; }

    /// <summary>The principal grain's key, for scoping callers to their own.</summary>
    [Id(27)] public required string CallerKey { get; init; }

    /// <summary>What identical asks have in common.</summary>
    [Id(28)] public required string RejoinKey { get; init; }

    /// <summary>Others behind it, who cannot approve it: who triggered the job, the owner of the key.</summary>
    [Id(29)] public ImmutableArray<PrincipalId> Excluded { get; init; } = [];

    /// <summary>The address that it comes from, where that is known.</summary>
    [Id(30)] public string? Address { get; init; }

    /// <summary>That address' country (two letters of ISO 3166-1), where an address table says it.</summary>
    [Id(31)] public string? Country { get; init; }
}

/// <summary>A stage as shown.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Groups">Groups that may vote.</param>
/// <param name="Principals">Principals that may vote.</param>
/// <param name="Quorum">Distinct people needed.</param>
/// <param name="Approvals">Distinct people so far (each counted in one stage).</param>
[GenerateSerializer, Alias("jit.StageView")]
public sealed record StageView(
    [property: Id(0)] string Name,
    [property: Id(1)] ImmutableArray<string> Groups,
    [property: Id(2)] ImmutableArray<PrincipalId> Principals,
    [property: Id(3)] int Quorum,
    [property: Id(4)] int Approvals)
{
    /// <summary>What the sign-in of those who vote in it must be; null for any.</summary>
    [Id(5)] public SignInDemand? SignIn { get; init; }
}

/// <summary>A grant as callers, approvers and operators see it.</summary>
[GenerateSerializer, Alias("jit.GrantView")]
public sealed record GrantView
{
    /// <summary>The id.</summary>
    [Id(0)] public required string Id { get; init; }

    /// <summary>Its status.</summary>
    [Id(1)] public required GrantStatus Status { get; init; }

    /// <summary>The request behind it.</summary>
    [Id(2)] public required string RequestId { get; init; }

    /// <summary>The subject.</summary>
    [Id(3)] public required PrincipalId Principal { get; init; }

    /// <summary>The actor chain.</summary>
    [Id(4)] public ImmutableArray<PrincipalId> Actors { get; init; } = [];

    /// <summary>The API.</summary>
    [Id(5)] public required string Api { get; init; }

    /// <summary>The action.</summary>
    [Id(6)] public required string Action { get; init; }

    /// <summary>The resource it is pinned to, or null.</summary>
    [Id(7)] public string? Resource { get; init; }

    /// <summary>How much is pinned.</summary>
    [Id(8)] public required BindingKind Binding { get; init; }

    /// <summary>Start of its window.</summary>
    [Id(9)] public required DateTimeOffset NotBefore { get; init; }

    /// <summary>End of its window.</summary>
    [Id(10)] public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Uses granted; null for any number.</summary>
    [Id(11)] public int? Uses { get; init; }

    /// <summary>Uses left; null for any number.</summary>
    [Id(12)] public int? UsesLeft { get; init; }

    /// <summary>The rule behind it.</summary>
    [Id(13)] public required string Rule { get; init; }

    /// <summary>When it ended, and by whom if somebody ended it.</summary>
    [Id(14)] public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Who ended it, if somebody did.</summary>
    [Id(15)] public PrincipalId? EndedBy { get; init; }

    /// <summary>The principal grain's key.</summary>
    [Id(16)] public required string CallerKey { get; init; }
}
