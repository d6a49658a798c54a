using System.Collections.Immutable;
using System.Text.Json.Serialization;
using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.Gateways;
using JitGrains.Grants;

namespace JitGrains;

/// <summary>
/// An expected "no" of a grain. Closed: each case is mapped once, at the edge, to a problem document
/// (RFC 9457). Bugs and broken dependencies are exceptions instead.
/// </summary>
[GenerateSerializer, Alias("jit.Refusal")]
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(NotFound), "not_found")]
[JsonDerivedType(typeof(AlreadyDecided), "already_decided")]
[JsonDerivedType(typeof(NotEligible), "not_eligible")]
[JsonDerivedType(typeof(DigestMismatch), "digest_mismatch")]
[JsonDerivedType(typeof(AlreadyVoted), "already_voted")]
[JsonDerivedType(typeof(TooManyPending), "too_many_pending")]
[JsonDerivedType(typeof(CoolingDown), "cooling_down")]
[JsonDerivedType(typeof(RequestMismatch), "request_mismatch")]
[JsonDerivedType(typeof(AlreadyUsed), "already_used")]
[JsonDerivedType(typeof(GrantNotActive), "grant_not_active")]
[JsonDerivedType(typeof(GrantDoesNotCover), "grant_does_not_cover")]
[JsonDerivedType(typeof(NotTheRequester), "not_the_requester")]
[JsonDerivedType(typeof(CommandReused), "command_reused")]
[JsonDerivedType(typeof(LeaseOver), "lease_over")]
[JsonDerivedType(typeof(TooManyEntries), "too_many_entries")]
[JsonDerivedType(typeof(PolicyInvalid), "policy_invalid")]
[JsonDerivedType(typeof(PolicyMoved), "policy_moved")]
[JsonDerivedType(typeof(SignInNeeded), "sign_in_needed")]
[JsonDerivedType(typeof(NameTaken), "name_taken")]
[JsonDerivedType(typeof(KeyRevoked), "key_revoked")]
public abstract record Refusal
{
    private Refusal() { }

    /// <summary>There is no such thing, or the caller may not know of it.</summary>
    [GenerateSerializer, Alias("jit.Refusal.NotFound")]
    public sealed record NotFound(string What) : Refusal;

    /// <summary>The request has its decision already.</summary>
    [GenerateSerializer, Alias("jit.Refusal.AlreadyDecided")]
    public sealed record AlreadyDecided(RequestStatus Status) : Refusal;

    /// <summary>This person's vote does not count here.</summary>
    /// <param name="Because"><c>requester</c>, <c>not-an-approver</c> or <c>acting-for-another</c>.</param>
    [GenerateSerializer, Alias("jit.Refusal.NotEligible")]
    public sealed record NotEligible(string Because) : Refusal;

    /// <summary>The approver saw something else than what is asked now.</summary>
    [GenerateSerializer, Alias("jit.Refusal.DigestMismatch")]
    public sealed record DigestMismatch(string Current) : Refusal;

    /// <summary>The person voted before, the other way.</summary>
    [GenerateSerializer, Alias("jit.Refusal.AlreadyVoted")]
    public sealed record AlreadyVoted(VoteDecision Decision) : Refusal;

    /// <summary>The principal has as many pending requests as it may.</summary>
    [GenerateSerializer, Alias("jit.Refusal.TooManyPending")]
    public sealed record TooManyPending(int Limit) : Refusal;

    /// <summary>The same ask was denied a short while ago.</summary>
    [GenerateSerializer, Alias("jit.Refusal.CoolingDown")]
    public sealed record CoolingDown(DateTimeOffset Until) : Refusal;

    /// <summary>The request named is not the request for this call.</summary>
    [GenerateSerializer, Alias("jit.Refusal.RequestMismatch")]
    public sealed record RequestMismatch(string RequestId) : Refusal;

    /// <summary>The grant's last use is taken, by this execution.</summary>
    [GenerateSerializer, Alias("jit.Refusal.AlreadyUsed")]
    public sealed record AlreadyUsed(string RequestId, ExecutionRecord? LastExecution) : Refusal;

    /// <summary>The grant is not active, or its window has not begun or is over.</summary>
    [GenerateSerializer, Alias("jit.Refusal.GrantNotActive")]
    public sealed record GrantNotActive(GrantStatus Status) : Refusal;

    /// <summary>The grant is for something else.</summary>
    [GenerateSerializer, Alias("jit.Refusal.GrantDoesNotCover")]
    public sealed record GrantDoesNotCover : Refusal;

    /// <summary>Only the requester may do this.</summary>
    [GenerateSerializer, Alias("jit.Refusal.NotTheRequester")]
    public sealed record NotTheRequester : Refusal;

    /// <summary>The command's id was used before for another command.</summary>
    [GenerateSerializer, Alias("jit.Refusal.CommandReused")]
    public sealed record CommandReused(string CommandId) : Refusal;

    /// <summary>The gateway holds no lease.</summary>
    [GenerateSerializer, Alias("jit.Refusal.LeaseOver")]
    public sealed record LeaseOver(LeasePhase Phase) : Refusal;

    /// <summary>The list is full.</summary>
    [GenerateSerializer, Alias("jit.Refusal.TooManyEntries")]
    public sealed record TooManyEntries(string What, int Limit) : Refusal;

    /// <summary>There is such a thing already, or was lately.</summary>
    [GenerateSerializer, Alias("jit.Refusal.NameTaken")]
    public sealed record NameTaken(string What) : Refusal;

    /// <summary>A revoked API key stays revoked.</summary>
    [GenerateSerializer, Alias("jit.Refusal.KeyRevoked")]
    public sealed record KeyRevoked : Refusal;

    /// <summary>The policy cannot be taken.</summary>
    /// <param name="Problems">All that is wrong, each with file, line and column.</param>
    [GenerateSerializer, Alias("jit.Refusal.PolicyInvalid")]
    public sealed record PolicyInvalid(ImmutableArray<string> Problems) : Refusal;

    /// <summary>Another policy is in force than the one that was expected.</summary>
    /// <param name="Current">Its version; empty where there is none.</param>
    [GenerateSerializer, Alias("jit.Refusal.PolicyMoved")]
    public sealed record PolicyMoved(string Current) : Refusal;

    /// <summary>The person's sign-in is not what is demanded: too long ago, or not strong enough.</summary>
    /// <param name="Demand">What it must be.</param>
    [GenerateSerializer, Alias("jit.Refusal.SignInNeeded")]
    public sealed record SignInNeeded(SignInDemand Demand) : Refusal;
}

/// <summary>A grain's answer: a value or a refusal, never both.</summary>
/// <typeparam name="T">The value's type.</typeparam>
[GenerateSerializer, Alias("jit.Reply`1")]
public sealed record Reply<T>
    where T : class
{
    /// <summary>The value, or null where refused.</summary>
    [Id(0)] public T? Value { get; init; }

    /// <summary>The refusal, or null.</summary>
    [Id(1)] public Refusal? Refusal { get; init; }

    /// <summary>A value.</summary>
    public static implicit operator Reply<T>(T value) => new() { Value = value };

    /// <summary>A refusal.</summary>
    public static implicit operator Reply<T>(Refusal refusal) => new() { Refusal = refusal };
}

/// <summary>A command's plain success.</summary>
[GenerateSerializer, Alias("jit.Done")]
public sealed record Done
{
    /// <summary>The one instance.</summary>
    public static readonly Done Instance = new();
}
