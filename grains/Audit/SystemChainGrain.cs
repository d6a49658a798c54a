using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.Audit;

/// <summary>State of the chain of chains: nothing but the ids of its latest commands.</summary>
public sealed record SystemChainState
{
    /// <summary>The latest command ids, oldest first.</summary>
    public ImmutableArray<string> Recent { get; init; } = [];

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>The system chain's machine.</summary>
public sealed class SystemChainMachine : IStateMachine<SystemChainState, SystemRecord>
{
    /// <summary>How many command ids are remembered. A repeat beyond that is a second, truthful entry.</summary>
    public const int Remembered = 128;

    /// <summary>Appends a record, once for each remembered command id.</summary>
    public static Decision<SystemRecord, Done> Decide(SystemChainState state, SystemRecord record) =>
        state.Recent.Contains(record.CommandId, StringComparer.Ordinal)
            ? new([], Done.Instance)
            : new([record], Done.Instance);

    /// <inheritdoc/>
    public SystemChainState Apply(SystemChainState state, SystemRecord happened)
    {
        var recent = state.Recent.Add(happened.CommandId);
        return state with { Recent = recent.Length > Remembered ? recent.RemoveAt(0) : recent };
    }

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(SystemChainState before, SystemRecord happened) => [new(happened.Type, happened.Fields)];

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(SystemChainState after, SystemRecord happened) => [];

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(SystemChainState state) => null;

    /// <inheritdoc/>
    public ImmutableArray<SystemRecord> Tick(SystemChainState state, DateTimeOffset now) => [];
}

/// <summary>The chain of chains.</summary>
[GrainType("system_chain")]
public sealed class SystemChainGrain(
    [PersistentState("system_chain")] IPersistentState<GrainDocument<SystemChainState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<SystemChainState, SystemRecord>(new SystemChainMachine(), document, clock, sealer), ISystemChainGrain
{
    /// <inheritdoc/>
    protected override string AuditSource => SystemChain.Source;

    /// <inheritdoc/>
    public Task<Reply<Done>> Record(SystemRecord record) => Run((state, _) => SystemChainMachine.Decide(state, record));
}
