using System.Collections.Immutable;
using JitGrains.Erasures;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Audit;

/// <summary>
/// Erases personal values: first it is recorded, who and why, and then it is done, here and once more by the record's own message,
/// should this process not get that far. Thread-safe.
/// </summary>
internal sealed class ValueErasure(IPersonalValues values, IClusterBus bus, IGrainFactory grains, IIdGenerator ids)
{
    /// <summary>Erases the values behind these digests.</summary>
    public async Task<Refusal?> EraseAsync(ImmutableArray<string> digests, PrincipalId by, string reason, CancellationToken cancellationToken)
    {
        foreach (var some in digests.Chunk(EraseCommand.MaxDigests))
        {
            var reply = await grains.GetGrain<IErasuresGrain>(IErasuresGrain.Key).Erase(new EraseCommand(ids.NewCommandId(), [.. some], by, reason));
            if (reply.Value is not { } recorded)
                return reply.Refusal;
            await ApplyAsync(some, recorded.At, cancellationToken);
        }

        return null;
    }

    /// <summary>Does what is recorded; doing it again changes nothing.</summary>
    public async Task ApplyAsync(IReadOnlyCollection<string> digests, DateTimeOffset at, CancellationToken cancellationToken)
    {
        await values.EraseAsync(digests, at, cancellationToken);
        foreach (var digest in digests)
            bus.Publish(ErasureNews.Of(digest, at));
    }
}
