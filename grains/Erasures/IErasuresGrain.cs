using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.Erasures;

/// <summary>
/// Records which personal values of the audit trail were erased, by whom and why, and sees to it that they are (one grain, key
/// <see cref="Key"/>). Commands are idempotent by their id.
/// </summary>
[Alias("jit.IErasuresGrain"), Version(1)]
public interface IErasuresGrain : IGrainWithStringKey
{
    /// <summary>The one key.</summary>
    const string Key = "erasures";

    /// <summary>Records it, and has the values erased.</summary>
    [Alias("Erase")]
    Task<Reply<Erased>> Erase(EraseCommand command);
}

/// <summary>Erase values.</summary>
/// <param name="CommandId">Minted by whoever asks.</param>
/// <param name="Digests">The digests that stand for them; at most <see cref="MaxDigests"/>.</param>
/// <param name="By">Who asks.</param>
/// <param name="Reason">Why.</param>
[GenerateSerializer, Alias("jit.EraseCommand")]
public sealed record EraseCommand(
    [property: Id(0)] string CommandId, [property: Id(1)] ImmutableArray<string> Digests, [property: Id(2)] PrincipalId By, [property: Id(3)] string Reason)
{
    /// <summary>Most digests of one command: each is an entry of the chain.</summary>
    public const int MaxDigests = 100;
}

/// <summary>An erasure that is recorded.</summary>
/// <param name="CommandId">The command.</param>
/// <param name="At">When: what a person does after it is held again.</param>
[GenerateSerializer, Alias("jit.Erased")]
public sealed record Erased([property: Id(0)] string CommandId, [property: Id(1)] DateTimeOffset At);
