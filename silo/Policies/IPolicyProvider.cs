using System.Collections.Immutable;
using JitGrains.Policy;

namespace JitGrains.Silo.Policies;

/// <summary>The policy in force. Thread-safe.</summary>
public interface IPolicyProvider
{
    /// <summary>The policy in force; costs one read of memory.</summary>
    CompiledPolicy Current { get; }

    /// <summary>How it stands with the policy.</summary>
    PolicyStatus Status { get; }

    /// <summary>Raised after another policy came into force, on the thread that loaded it; must be quick and not throw.</summary>
    event EventHandler<PolicyChangedEventArgs>? Changed;
}

/// <summary>How it stands with the policy.</summary>
/// <param name="Version">The version in force.</param>
/// <param name="Degraded">Whether the files say something else that cannot be taken, so that an earlier policy stays in force.</param>
/// <param name="LoadedAt">When the policy in force was loaded.</param>
/// <param name="Files">The names of its files.</param>
/// <param name="Problems">What is wrong with the files as they are now; warnings included.</param>
public sealed record PolicyStatus(string Version, bool Degraded, DateTimeOffset LoadedAt, ImmutableArray<string> Files, ImmutableArray<string> Problems);

/// <summary>Another policy came into force.</summary>
public sealed class PolicyChangedEventArgs(CompiledPolicy policy) : EventArgs
{
    /// <summary>The policy.</summary>
    public CompiledPolicy Policy { get; } = policy;
}
