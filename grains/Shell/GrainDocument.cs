using System.Text.Json;
using System.Text.Json.Serialization;
using JitGrains.Audit;
using JitGrains.Outbox;

namespace JitGrains.Shell;

/// <summary>What the engine may know of a stored grain: the messages that its turn adds.</summary>
public interface IGrainDocument
{
    /// <summary>
    /// Messages not yet delivered. The built-in engine moves them into rows within the transaction that writes the
    /// document (and stores the document without them); Orleans keeps them inside it.
    /// </summary>
    IList<OutboxRecord> Outbox { get; }

    /// <summary>Whether the next write may be lost in a crash of the store; not stored, and false again after each write.</summary>
    bool MayBeLost { get; set; }
}

/// <summary>A grain as stored: our own versioned JSON on both engines. Fields that this version does not know survive a round trip.</summary>
/// <typeparam name="TState">The state machine's state.</typeparam>
public sealed class GrainDocument<TState> : IGrainDocument
    where TState : class, new()
{
    /// <summary>The layout's version. A later one means what this program cannot know: it is not read (<see cref="JsonException"/>).</summary>
    public int V
    {
        get;
        set => field = value == 1 ? value : throw new JsonException($"the stored state has layout {value}, and this version reads 1");
    } = 1;

    /// <summary>The state machine's state.</summary>
    public TState State { get; set; } = new();

    /// <summary>The latest time at which a turn decided; no later turn decides by an earlier one.</summary>
    public DateTimeOffset LastNow { get; set; }

    /// <summary>Where the grain's audit chain ends.</summary>
    public ChainHead Chain { get; set; } = ChainHead.Empty;

    /// <summary>The number of the last outbox message.</summary>
    public long OutboxSequence { get; set; }

    /// <inheritdoc/>
    public IList<OutboxRecord> Outbox { get; set; } = [];

    /// <inheritdoc/>
    [JsonIgnore]
    public bool MayBeLost { get; set; }

    /// <summary>When the grain's one reminder is due, if it has one.</summary>
    public DateTimeOffset? ReminderAt { get; set; }

    /// <summary>Fields of later versions.</summary>
    [JsonExtensionData]
    public Dictionary<string, JsonElement>? Extra { get; set; }
}

/// <summary>A turn's time, and the store's: what began in an earlier epoch of the store may be forgotten in this one.</summary>
public interface ITurnClock
{
    /// <summary>The store's epoch.</summary>
    string Epoch { get; }

    /// <summary>The store's clock where it has one, read after the grain was locked; otherwise the injected <see cref="TimeProvider"/>'s.</summary>
    DateTimeOffset UtcNow { get; }
}
