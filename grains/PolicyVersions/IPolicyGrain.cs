using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.PolicyVersions;

/// <summary>
/// The one policy of the whole cluster: which version is in force, and who applied which, when and why. The texts are rows of
/// their own; the grain keeps what the latest versions were. Every command is idempotent by its id.
/// </summary>
[Alias("jit.IPolicyGrain"), Version(1)]
public interface IPolicyGrain : IGrainWithStringKey
{
    /// <summary>The key of the only one.</summary>
    const string Key = "policy";

    /// <summary>Puts another policy in force. One that cannot be taken is refused; the content in force already changes nothing.</summary>
    [Alias("Apply")]
    Task<Reply<PolicyApplied>> Apply(ApplyPolicyCommand command);

    /// <summary>The latest versions, newest first.</summary>
    [ReadOnly, Alias("GetHistory")]
    Task<PolicyHistory> GetHistory();
}

/// <summary>A policy file.</summary>
/// <param name="Name">Its name, without folders.</param>
/// <param name="Text">Its content.</param>
[GenerateSerializer, Alias("jit.PolicyText")]
public sealed record PolicyText([property: Id(0)] string Name, [property: Id(1)] string Text);

/// <summary>Put a policy in force.</summary>
/// <param name="CommandId">Minted by whoever asks.</param>
/// <param name="Files">All of its files.</param>
/// <param name="By">Who asks; null where a silo applies its configured files because there is no policy yet.</param>
/// <param name="Reason">Why.</param>
/// <param name="Expected">The version that must be in force; empty for none; null where it does not matter.</param>
/// <param name="RolledBackTo">The number of the version that these files are from, where it is a way back.</param>
[GenerateSerializer, Alias("jit.ApplyPolicyCommand")]
public sealed record ApplyPolicyCommand(
    [property: Id(0)] string CommandId,
    [property: Id(1)] ImmutableArray<PolicyText> Files,
    [property: Id(2)] PrincipalId? By,
    [property: Id(3)] string? Reason,
    [property: Id(4)] string? Expected = null,
    [property: Id(5)] long? RolledBackTo = null);

/// <summary>The policy that is in force after a command.</summary>
/// <param name="Sequence">Its number, from 1.</param>
/// <param name="Version">Its version.</param>
/// <param name="Before">The version before, or null for the first.</param>
/// <param name="Changed">Whether this command put it in force.</param>
[GenerateSerializer, Alias("jit.PolicyApplied")]
public sealed record PolicyApplied(
    [property: Id(0)] long Sequence, [property: Id(1)] string Version, [property: Id(2)] string? Before, [property: Id(3)] bool Changed);

/// <summary>The latest versions.</summary>
/// <param name="Entries">Newest first.</param>
[GenerateSerializer, Alias("jit.PolicyHistory")]
public sealed record PolicyHistory([property: Id(0)] ImmutableArray<PolicyEntry> Entries);

/// <summary>One version as it was applied, without its texts.</summary>
[GenerateSerializer, Alias("jit.PolicyEntry")]
public sealed record PolicyEntry
{
    /// <summary>Its number, from 1.</summary>
    [Id(0)] public required long Sequence { get; init; }

    /// <summary>Its version.</summary>
    [Id(1)] public required string Version { get; init; }

    /// <summary>When.</summary>
    [Id(2)] public required DateTimeOffset AppliedAt { get; init; }

    /// <summary>Who; null for configured files.</summary>
    [Id(3)] public PrincipalId? AppliedBy { get; init; }

    /// <summary>Why.</summary>
    [Id(4)] public string? Reason { get; init; }

    /// <summary>The version that this was the way back to.</summary>
    [Id(5)] public long? RolledBackTo { get; init; }

    /// <summary>The command.</summary>
    [Id(6)] public required string CommandId { get; init; }
}

/// <summary>A version with its texts, as the store keeps it.</summary>
/// <param name="Sequence">Its number, from 1.</param>
/// <param name="Version">Its version.</param>
/// <param name="Files">Its files, by name.</param>
/// <param name="AppliedBy">Who; null for configured files.</param>
/// <param name="AppliedAt">When.</param>
/// <param name="Reason">Why.</param>
[GenerateSerializer, Alias("jit.StoredPolicy")]
public sealed record StoredPolicy(
    [property: Id(0)] long Sequence,
    [property: Id(1)] string Version,
    [property: Id(2)] ImmutableArray<PolicyText> Files,
    [property: Id(3)] PrincipalId? AppliedBy,
    [property: Id(4)] DateTimeOffset AppliedAt,
    [property: Id(5)] string? Reason);
