namespace JitGrains.Silo;

/// <summary>The process cannot start as it is configured. Holds every problem found, each a sentence for the operator.</summary>
public sealed class StartupException : Exception
{
    /// <summary>Creates the exception.</summary>
    public StartupException() : this([]) { }

    /// <summary>Creates the exception for one problem.</summary>
    public StartupException(string message) : this([message]) { }

    /// <summary>Creates the exception for one problem with its cause.</summary>
    public StartupException(string message, Exception innerException) : base(message, innerException) => Problems = [message];

    /// <summary>Creates the exception for all problems at once.</summary>
    public StartupException(IReadOnlyList<string> problems) : base(string.Join(Environment.NewLine, problems)) => Problems = problems;

    /// <summary>The problems.</summary>
    public IReadOnlyList<string> Problems { get; }

    /// <summary>Throws if there are problems.</summary>
    public static void ThrowIfAny(IReadOnlyCollection<string> problems)
    {
        if (problems.Count > 0)
            throw new StartupException([.. problems]);
    }
}
