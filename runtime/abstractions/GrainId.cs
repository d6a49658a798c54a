namespace JitGrains.Runtime;

/// <summary>Type and key of a grain, printed as <c>type/key</c>.</summary>
/// <param name="Type">The grain class' stable name (its <see cref="GrainTypeAttribute"/>).</param>
/// <param name="Key">The string key.</param>
public readonly record struct GrainId(string Type, string Key)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Type}/{Key}";
}
