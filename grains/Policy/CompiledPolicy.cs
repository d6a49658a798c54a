using System.Collections.Immutable;
using JitGrains.Http;

namespace JitGrains.Policy;

/// <summary>
/// A whole policy, validated and compiled; what is decided depends on it and on the arguments only. Immutable and
/// thread-safe. Precedence: deny over approve over allow; no match denies. A condition that cannot be evaluated counts
/// as true for deny and approve, and false for allow and automatic approval.
/// </summary>
public sealed class CompiledPolicy
{
    /// <summary>SHA-256 over the policy's files, short (<c>sha256-</c> and 16 hex digits): stamped on every decision.</summary>
    public required string Version { get; init; }

    /// <summary>The APIs in file order.</summary>
    public required ImmutableArray<ApiDefinition> Apis { get; init; }
}
