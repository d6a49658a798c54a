using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Policy;
using JitGrains.Shell;

namespace JitGrains.PolicyVersions;

/// <summary>What the policy's grain keeps. Immutable; bounded.</summary>
public sealed record PolicyLedgerState
{
    /// <summary>The latest versions, oldest first.</summary>
    public ImmutableArray<PolicyEntry> Recent { get; init; } = [];

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }

    /// <summary>What is in force, or null before the first.</summary>
    [JsonIgnore]
    public PolicyEntry? Current => Recent.IsEmpty ? null : Recent[^1];
}

/// <summary>Another policy is in force.</summary>
/// <param name="Entry">Who applied what, when and why.</param>
/// <param name="Before">The version before.</param>
/// <param name="Files">Its texts.</param>
public sealed record PolicyTaken(PolicyEntry Entry, string? Before, ImmutableArray<PolicyText> Files);

/// <summary>Decides which policy is in force. Pure and thread-safe.</summary>
public sealed class PolicyMachine : IStateMachine<PolicyLedgerState, PolicyTaken>
{
    /// <summary>Versions that are remembered here; the store has the texts of all.</summary>
    public const int Remembered = 200;

    /// <summary>Puts a policy in force.</summary>
    public static Decision<PolicyTaken, PolicyApplied> Decide(PolicyLedgerState state, ApplyPolicyCommand command, DateTimeOffset now)
    {
        var loaded = PolicyLoader.Load([.. command.Files.Select(f => new PolicyFile(f.Name, f.Text))]);
        if (loaded.Policy is not { Version: var version })
            return new Refusal.PolicyInvalid([.. loaded.Problems.Select(p => p.ToString())]);
        if (state.Recent.FirstOrDefault(e => e.CommandId == command.CommandId) is { } earlier)
        {
            return earlier.Version == version
                ? Answer(new PolicyApplied(earlier.Sequence, version, null, Changed: false))
                : new Refusal.CommandReused(command.CommandId);
        }

        var current = state.Current;
        if (command.Expected is { } expected && expected != (current?.Version ?? ""))
            return new Refusal.PolicyMoved(current?.Version ?? "");
        if (current?.Version == version)
            return Answer(new PolicyApplied(current.Sequence, version, version, Changed: false));

        var entry = new PolicyEntry
        {
            Sequence = (current?.Sequence ?? 0) + 1,
            Version = version,
            AppliedAt = now,
            AppliedBy = command.By,
            Reason = command.Reason,
            RolledBackTo = command.RolledBackTo,
            CommandId = command.CommandId,
        };
        return new([new PolicyTaken(entry, current?.Version, command.Files)], new PolicyApplied(entry.Sequence, version, current?.Version, Changed: true));
    }

    /// <inheritdoc/>
    public PolicyLedgerState Apply(PolicyLedgerState state, PolicyTaken happened)
    {
        var recent = state.Recent.Add(happened.Entry);
        return state with { Recent = recent.Length > Remembered ? recent.RemoveAt(0) : recent };
    }

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(PolicyLedgerState before, PolicyTaken happened)
    {
        var (entry, earlier, _) = happened;
        List<AuditField> fields = [new("policy_version", entry.Version), new("sequence", entry.Sequence.ToString())];
        Add("before", earlier, personal: false);
        Add("by", entry.AppliedBy?.Value, personal: true);
        Add("reason", entry.Reason, personal: true);
        Add("rolled_back_to", entry.RolledBackTo?.ToString(), personal: false);
        return [new AuditDraft(AuditTypes.PolicyChanged, [.. fields])];

        void Add(string name, string? value, bool personal)
        {
            if (!string.IsNullOrEmpty(value))
                fields.Add(new AuditField(name, value, personal));
        }
    }

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(PolicyLedgerState after, PolicyTaken happened)
    {
        var entry = happened.Entry;
        yield return new OutboxMessage.ShowPolicy(
            new StoredPolicy(entry.Sequence, entry.Version, happened.Files, entry.AppliedBy, entry.AppliedAt, entry.Reason));
    }

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(PolicyLedgerState state) => null;

    /// <inheritdoc/>
    public ImmutableArray<PolicyTaken> Tick(PolicyLedgerState state, DateTimeOffset now) => [];

    private static Decision<PolicyTaken, PolicyApplied> Answer(PolicyApplied applied) => new([], applied);
}
