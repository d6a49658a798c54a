namespace JitGrains.Policy;

/// <summary>A place in a policy file.</summary>
/// <param name="File">The file's name as given.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
public readonly record struct SourcePlace(string File, int Line, int Column)
{
    /// <inheritdoc/>
    public override string ToString() => $"{File}:{Line}:{Column}";
}
