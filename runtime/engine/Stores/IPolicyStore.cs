using JitGrains.PolicyVersions;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// The versions of the policy with their texts, written in the turns of the policy's grain and never changed. Thread-safe.
/// </summary>
public interface IPolicyStore
{
    /// <summary>The latest version, without its texts; null where none was applied yet. Cheap enough to be asked every second.</summary>
    Task<PolicyHead?> GetPolicyHeadAsync(CancellationToken cancellationToken = default);

    /// <summary>A version by its number, or null.</summary>
    Task<StoredPolicy?> GetPolicyAsync(long sequence, CancellationToken cancellationToken = default);
}

/// <summary>Which version is the latest.</summary>
/// <param name="Sequence">Its number.</param>
/// <param name="Version">Its version.</param>
public sealed record PolicyHead(long Sequence, string Version);
