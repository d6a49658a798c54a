using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;
using static JitGrains.Gateways.DirectoryEvent;

namespace JitGrains.Gateways;

/// <summary>What the directory keeps. Immutable; bounded by <see cref="GatewayDirectoryMachine.MaxEntries"/>.</summary>
public sealed record GatewayDirectoryState
{
    /// <summary>The incarnations, in the order of their arrival.</summary>
    public ImmutableArray<GatewayEntry> Entries { get; init; } = [];

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>What happens to the directory. Closed.</summary>
public abstract record DirectoryEvent
{
    private DirectoryEvent() { }

    /// <summary>An incarnation was entered.</summary>
    public sealed record Added(GatewayEntry Entry) : DirectoryEvent;

    /// <summary>Incarnations were removed.</summary>
    public sealed record Removed(ImmutableArray<string> Incarnations) : DirectoryEvent;
}

/// <summary>The directory's decisions. Pure and thread-safe.</summary>
public sealed class GatewayDirectoryMachine : IStateMachine<GatewayDirectoryState, DirectoryEvent>
{
    /// <summary>Most entries. Those of gateways that died go when they were waited out, so this is met by a fault only.</summary>
    public const int MaxEntries = 4_096;

    /// <summary>Enters an incarnation.</summary>
    public static Decision<DirectoryEvent, Done> Decide(GatewayDirectoryState state, GatewayEntry entry)
    {
        if (state.Entries.Any(e => e.Incarnation == entry.Incarnation))
            return new([], Done.Instance);
        if (state.Entries.Length >= MaxEntries)
            return new Refusal.TooManyEntries("gateways", MaxEntries);
        return new([new Added(entry)], Done.Instance);
    }

    /// <summary>Removes incarnations; those that are not there are no error.</summary>
    public static Decision<DirectoryEvent, Done> Decide(GatewayDirectoryState state, ImmutableArray<string> gone)
    {
        ImmutableArray<string> there = [.. state.Entries.Select(e => e.Incarnation).Where(i => gone.Contains(i, StringComparer.Ordinal))];
        return new(there.IsEmpty ? [] : [new Removed(there)], Done.Instance);
    }

    /// <inheritdoc/>
    public GatewayDirectoryState Apply(GatewayDirectoryState state, DirectoryEvent happened) => happened switch
    {
        Added e => state with { Entries = state.Entries.Add(e.Entry) },
        Removed e => state with { Entries = state.Entries.RemoveAll(x => e.Incarnations.Contains(x.Incarnation, StringComparer.Ordinal)) },
        _ => state,
    };

    /// <inheritdoc/>
    public IEnumerable<AuditDraft> Audit(GatewayDirectoryState before, DirectoryEvent happened) => [];

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(GatewayDirectoryState after, DirectoryEvent happened) => [];

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(GatewayDirectoryState state) => null;

    /// <inheritdoc/>
    public ImmutableArray<DirectoryEvent> Tick(GatewayDirectoryState state, DateTimeOffset now) => [];
}

/// <summary>The shell around <see cref="GatewayDirectoryMachine"/>.</summary>
[GrainType("gateway_directory")]
public sealed class GatewayDirectoryGrain(
    [PersistentState("gateway_directory")] IPersistentState<GrainDocument<GatewayDirectoryState>> document,
    ITurnClock clock,
    AuditSealer sealer)
    : MachineGrain<GatewayDirectoryState, DirectoryEvent>(new GatewayDirectoryMachine(), document, clock, sealer), IGatewayDirectoryGrain
{
    /// <summary>Never used: opening and closing leases is told in the system chain.</summary>
    protected override string AuditSource => "gateway_directory";

    /// <inheritdoc/>
    public Task<Reply<Done>> Add(GatewayEntry entry) => Run((state, _) => GatewayDirectoryMachine.Decide(state, entry));

    /// <inheritdoc/>
    public Task<Reply<Done>> Remove(ImmutableArray<string> incarnations) => Run((state, _) => GatewayDirectoryMachine.Decide(state, incarnations));

    /// <inheritdoc/>
    public Task<GatewayList> List() => Task.FromResult(new GatewayList(State.Entries));
}
