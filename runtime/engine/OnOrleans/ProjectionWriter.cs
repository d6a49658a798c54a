using System.Text.Json;
using JitGrains.Json;
using JitGrains.Outbox;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Writes grains' rows (audit entries, read models) to the store. The store keeps, as a grain of its own under the same
/// name, how far it has got with each source, and writes that in the same transaction: so rows that come again change
/// nothing, and an older row never replaces a newer one. Thread-safe.
/// </summary>
internal sealed class ProjectionWriter(IGrainStore store)
{
    /// <summary>Writes what is new among a source's undelivered messages; returns once it is durable.</summary>
    /// <param name="source">The grain.</param>
    /// <param name="messages">All its undelivered messages, in order.</param>
    /// <returns>The messages that this call was the first to write, or to pass over because they are no rows.</returns>
    public async Task<IReadOnlyList<OutboxRecord>> ApplyAsync(GrainId source, IReadOnlyList<OutboxRecord> messages)
    {
        await using var session = await store.BeginTurnAsync(source, readOnly: false, CancellationToken.None);
        var progress = session.State is null ? new Progress(0) : JsonSerializer.Deserialize<Progress>(session.State, JitJson.Options)!;
        OutboxRecord[] fresh = [.. messages.Where(m => m.Sequence > progress.Applied)];
        if (fresh.Length == 0)
            return [];
        var state = JsonSerializer.Serialize(new Progress(fresh[^1].Sequence), JitJson.Options);
        await session.CommitAsync(new GrainWrite(state, [.. fresh.Where(m => m.Message.IsRow)], []));
        return fresh;
    }

    private sealed record Progress(long Applied);
}
