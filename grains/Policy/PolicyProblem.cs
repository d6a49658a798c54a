using System.Collections.Immutable;

namespace JitGrains.Policy;

/// <summary>A policy file.</summary>
/// <param name="Name">Its name as people know it, for problems; the files are read in the order of their names.</param>
/// <param name="Text">Its content.</param>
public sealed record PolicyFile(string Name, string Text);

/// <summary>How bad a problem is.</summary>
public enum PolicyProblemSeverity
{
    /// <summary>The policy is not taken.</summary>
    Error,

    /// <summary>The policy is taken; it may not do what its author meant.</summary>
    Warning,
}

/// <summary>Something wrong with a policy.</summary>
/// <param name="Severity">How bad.</param>
/// <param name="Place">File, line and column.</param>
/// <param name="Path">Which part: <c>apis.orders.actions.orders.refund.methods</c>; empty for a file as a whole.</param>
/// <param name="Message">What is wrong and, where it is known, what would be right.</param>
public sealed record PolicyProblem(PolicyProblemSeverity Severity, SourcePlace Place, string Path, string Message)
{
    /// <summary>The file.</summary>
    public string File => Place.File;

    /// <summary>The line, from 1.</summary>
    public int Line => Place.Line;

    /// <summary>The column, from 1.</summary>
    public int Column => Place.Column;

    /// <summary><c>policy.yaml:12:7: error: apis.orders.mode: ...</c></summary>
    public override string ToString() =>
        $"{Place}: {(Severity == PolicyProblemSeverity.Error ? "error" : "warning")}: {(Path.Length == 0 ? "" : Path + ": ")}{Message}";
}

/// <summary>What came of loading.</summary>
/// <param name="Policy">The policy; null where there is an error.</param>
/// <param name="Problems">All of them, by place.</param>
public sealed record PolicyLoadResult(CompiledPolicy? Policy, ImmutableArray<PolicyProblem> Problems)
{
    /// <summary>Whether there is an error, and so no policy.</summary>
    public bool HasErrors => Policy is null;
}
