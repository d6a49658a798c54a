using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.Shell;

namespace JitGrains.Erasures;

/// <summary>What the grain keeps: the latest commands, and nothing of what was erased. Immutable.</summary>
public sealed record ErasuresState
{
    /// <summary>The latest commands, oldest first.</summary>
    public ImmutableArray<Erased> Recent { get; init; } = [];

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; init; }
}

/// <summary>Values were erased.</summary>
public sealed record ValuesErased(EraseCommand Command, DateTimeOffset At);

/// <summary>The decisions about erasures. Pure and thread-safe.</summary>
public sealed class ErasuresMachine : IStateMachine<ErasuresState, ValuesErased>
{
    /// <summary>How many commands are remembered. A repeat beyond that is a second, truthful entry.</summary>
    public const int Remembered = 64;

    /// <summary>Records an erasure, once for each remembered command.</summary>
    public static Decision<ValuesErased, Erased> Decide(ErasuresState state, EraseCommand command, DateTimeOffset now)
    {
        if (state.Recent.FirstOrDefault(r => r.CommandId == command.CommandId) is { } known)
            return new([], known);
        if (command.Digests.Length > EraseCommand.MaxDigests)
            return new Refusal.TooManyEntries("values of one erasure", EraseCommand.MaxDigests);
        return new([new ValuesErased(command, now)], new Erased(command.CommandId, now));
    }

    /// <inheritdoc/>
    public ErasuresState Apply(ErasuresState state, ValuesErased happened) =>
        state with { Recent = [.. state.Recent.Add(new Erased(happened.Command.CommandId, happened.At)).TakeLast(Remembered)] };

    /// <summary>An entry for each value, so that whoever looks for a digest finds what became of what it stands for.</summary>
    public IEnumerable<AuditDraft> Audit(ErasuresState before, ValuesErased happened) =>
        happened.Command.Digests.Select(digest => new AuditDraft(
            AuditTypes.ValueErased,
            [new("erased", digest), new("by", happened.Command.By.Value, Personal: true), new("reason", happened.Command.Reason, Personal: true)]));

    /// <inheritdoc/>
    public IEnumerable<OutboxMessage> Effects(ErasuresState after, ValuesErased happened) =>
        [new OutboxMessage.EraseValues(happened.Command.Digests, happened.At)];

    /// <inheritdoc/>
    public DateTimeOffset? NextDue(ErasuresState state) => null;

    /// <inheritdoc/>
    public ImmutableArray<ValuesErased> Tick(ErasuresState state, DateTimeOffset now) => [];
}
