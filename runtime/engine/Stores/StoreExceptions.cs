namespace JitGrains.Runtime.Engine;

/// <summary>The store cannot be opened; the message says what is wrong, where, and what to do. The process cannot start.</summary>
public sealed class StoreOpenException : Exception
{
    /// <summary>Creates the exception.</summary>
    public StoreOpenException() { }

    /// <summary>Creates the exception with a message.</summary>
    public StoreOpenException(string message) : base(message) { }

    /// <summary>Creates the exception with a message and its cause.</summary>
    public StoreOpenException(string message, Exception innerException) : base(message, innerException) { }

    /// <summary>Whether somebody else may be about to see to it, so that who can wait does so for a while.</summary>
    public bool MayPass { get; init; }
}

/// <summary>
/// The store did not take a write (disk full, I/O error...). Nothing of the write was answered as done; whether it is
/// there after a crash is unknown, as with any write that was cut off.
/// </summary>
public sealed class StoreUnavailableException : Exception
{
    /// <summary>Creates the exception.</summary>
    public StoreUnavailableException() { }

    /// <summary>Creates the exception with a message.</summary>
    public StoreUnavailableException(string message) : base(message) { }

    /// <summary>Creates the exception with a message and its cause.</summary>
    public StoreUnavailableException(string message, Exception innerException) : base(message, innerException) { }
}
