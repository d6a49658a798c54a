using System.Collections.Immutable;

namespace JitGrains.Audit;

/// <summary>
/// The chain of chains (one grain, key <see cref="Key"/>): every new audit chain, every policy version, every gateway
/// incarnation. Whoever holds a recent head of it can tell that no whole chain was taken out.
/// </summary>
[Alias("jit.ISystemChainGrain"), Version(1)]
public interface ISystemChainGrain : IGrainWithStringKey
{
    /// <summary>The one key.</summary>
    const string Key = "system";

    /// <summary>Appends an entry, once for each command id among the latest ones.</summary>
    [Alias("Record")]
    Task<Reply<Done>> Record(SystemRecord record);
}

/// <summary>What the system chain records.</summary>
/// <param name="CommandId">Same id, same entry.</param>
/// <param name="Type">The entry's type (see <see cref="AuditTypes"/>).</param>
/// <param name="Fields">Its fields.</param>
[GenerateSerializer, Alias("jit.SystemRecord")]
public sealed record SystemRecord(
    [property: Id(0)] string CommandId,
    [property: Id(1)] string Type,
    [property: Id(2)] ImmutableArray<AuditField> Fields);
