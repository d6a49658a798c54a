namespace JitGrains.Runtime;

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
