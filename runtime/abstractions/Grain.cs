namespace JitGrains.Runtime;

/// <summary>Marker of every grain.</summary>
public interface IGrain;

/// <summary>A grain addressed by a string key.</summary>
public interface IGrainWithStringKey : IGrain;

/// <summary>
/// Base of a grain. The engine makes one instance for each turn and runs the turns of one key one after the other,
/// so a grain needs no locks; what it wants to keep it puts into its <see cref="IPersistentState{TState}"/>.
/// </summary>
public abstract class Grain : IGrain
{
    /// <summary>What the engine tells the grain about itself; set before the first line of a turn runs.</summary>
    public IGrainContext GrainContext { get; internal set; } = null!;
}

/// <summary>A grain's place in the engine, for the turn that is running.</summary>
public interface IGrainContext
{
    /// <summary>The grain's identity.</summary>
    GrainId GrainId { get; }

    /// <summary>Reminders of this grain; see <see cref="GrainExtensions"/>.</summary>
    IGrainReminders Reminders { get; }
}

/// <summary>Makes references to grains. Thread-safe.</summary>
public interface IGrainFactory
{
    /// <summary>A reference to the grain with this key; it exists always, in the sense that it can be called.</summary>
    TGrainInterface GetGrain<TGrainInterface>(string primaryKey) where TGrainInterface : IGrainWithStringKey;
}

/// <summary>A grain's durable state.</summary>
/// <typeparam name="TState">The stored type.</typeparam>
public interface IPersistentState<TState>
{
    /// <summary>The state as read at the start of the turn, or as set since.</summary>
    TState State { get; set; }

    /// <summary>Whether the store holds the state.</summary>
    bool RecordExists { get; }

    /// <summary>The stored version, or null where there is none.</summary>
    string? Etag { get; }

    /// <summary>Writes the state; throws <see cref="InconsistentStateException"/> if the store holds another version.</summary>
    Task WriteStateAsync();

    /// <summary>Reads the state anew.</summary>
    Task ReadStateAsync();
}
