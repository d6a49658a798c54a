namespace JitGrains.Runtime.Engine;

/// <summary>
/// Grains' documents as this process wrote them last. Where the store still holds that version, a turn goes on from here: nothing
/// is sent or parsed. Each is given out once, and comes back when a turn has ended well after writing it: what a turn that failed
/// left behind is nobody's. Which version the store holds every turn still learns under the row's lock. Thread-safe.
/// </summary>
internal sealed class WrittenDocuments(int most)
{
    private readonly Lock gate = new();

    // Two generations: what neither was used nor written while as many others were is forgotten, without keeping an order.
    private Dictionary<GrainId, WrittenDocument> recent = [];
    private Dictionary<GrainId, WrittenDocument> older = [];

    /// <summary>Takes the grain's out, if it is there and of this epoch.</summary>
    public WrittenDocument? Take(GrainId grain, string epoch)
    {
        lock (gate)
            return (recent.Remove(grain, out var document) || older.Remove(grain, out document)) && document.Epoch == epoch ? document : null;
    }

    /// <summary>Keeps the grain's for its next turn.</summary>
    public void Put(GrainId grain, WrittenDocument document)
    {
        if (most == 0)
            return;
        lock (gate)
        {
            older.Remove(grain);
            recent[grain] = document;
            if (recent.Count < most / 2)
                return;
            older = recent;
            recent = [];
        }
    }
}

/// <summary>A document as it was written.</summary>
/// <param name="Version">The version that the store holds it under.</param>
/// <param name="Epoch">The store's epoch: in another, the same version may be something else.</param>
/// <param name="Document">The document; whoever has it may change it.</param>
internal sealed record WrittenDocument(long Version, string Epoch, object Document);
