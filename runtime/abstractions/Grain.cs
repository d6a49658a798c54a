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

/// <summary>Type and key of a grain, printed as <c>type/key</c>.</summary>
/// <param name="Type">The grain class' stable name (its <see cref="GrainTypeAttribute"/>).</param>
/// <param name="Key">The string key.</param>
public readonly record struct GrainId(string Type, string Key)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Type}/{Key}";
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

/// <summary>The store holds another version of a grain's state than the one a turn began from.</summary>
public sealed class InconsistentStateException : Exception
{
    /// <summary>Creates the exception.</summary>
    public InconsistentStateException() { }

    /// <summary>Creates the exception with a message.</summary>
    public InconsistentStateException(string message) : base(message) { }

    /// <summary>Creates the exception with a message and its cause.</summary>
    public InconsistentStateException(string message, Exception innerException) : base(message, innerException) { }
}
