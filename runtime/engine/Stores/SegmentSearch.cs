using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// A page's worth of entries out of segments, which the store shows one after the other, by their latest entry. Not thread-safe.
/// </summary>
/// <param name="filter">Which entries.</param>
/// <param name="after">The place in the list where the page begins.</param>
/// <param name="wanted">How many entries are enough.</param>
internal sealed class SegmentSearch(AuditFilter filter, PageCursor after, int wanted)
{
    private readonly List<(PageCursor Place, AuditEntry Entry)> found = [];

    public long From => filter.From?.UtcTicks ?? long.MinValue;

    /// <summary>Segments that begin before this.</summary>
    public long To => Math.Min(filter.To?.UtcTicks ?? long.MaxValue, after.Ticks == long.MaxValue ? long.MaxValue : after.Ticks + 1);

    public string? Source => filter.Source;

    public string? Type => filter.Type;

    public bool MayHold(byte[] mentions) =>
        (filter.RequestId is null || MentionFilter.MayHold(mentions, filter.RequestId)) && (filter.PersonalDigest is null || MentionFilter.MayHold(mentions, filter.PersonalDigest));

    /// <summary>Whether enough was found that no segment which ends at this time could come before.</summary>
    public bool IsFull(long endsAt) => found.Count >= wanted && found[wanted - 1].Place.Ticks > endsAt;

    public void Add(AuditSegment segment)
    {
        foreach (var entry in segment.Unpack())
        {
            if (!MayMention(entry.Body))
                continue;
            if (Fits(entry) is { } place)
                found.Add((place, entry));
        }

        found.Sort(static (a, b) => Order(a.Place, b.Place));
        if (found.Count > wanted)
            found.RemoveRange(wanted, found.Count - wanted);
    }

    /// <summary>A page of rows with what was found here, in the list's order.</summary>
    public PageReply<AuditEntry>.Page Merge(PageReply<AuditEntry>.Page rows, int size)
    {
        if (found.Count == 0)
            return rows;
        var all = rows.Items.Select(e => (Place: new PageCursor('a', AuditFacts.Of(e).At.UtcTicks, e.Source, e.Sequence), Entry: e)).Concat(found).ToList();
        all.Sort(static (a, b) => Order(a.Place, b.Place));
        var more = rows.NextCursor is not null || all.Count > size;
        return new PageReply<AuditEntry>.Page([.. all.Take(size).Select(e => e.Entry)], more ? all[Math.Min(size, all.Count) - 1].Place.ToString() : null);
    }

    private static int Order(PageCursor a, PageCursor b) => a == b ? 0 : a.IsBefore(b.Ticks, b.Id, b.Number) ? -1 : 1;

    private bool MayMention(string body) =>
        (filter.RequestId is null || body.Contains(filter.RequestId, StringComparison.Ordinal)) && (filter.PersonalDigest is null || body.Contains(filter.PersonalDigest, StringComparison.Ordinal));

    private PageCursor? Fits(AuditEntry entry)
    {
        // What was tampered with is for whoever verifies.
        if (entry.Body.Length == 0)
            return null;
        var facts = AuditFacts.Of(entry);
        var place = new PageCursor('a', facts.At.UtcTicks, entry.Source, entry.Sequence);
        return after.IsBefore(place.Ticks, place.Id, place.Number)
            && facts.At.UtcTicks >= From && (filter.To is null || facts.At < filter.To)
            && (filter.Type is null || facts.Type == filter.Type)
            && (filter.RequestId is null || facts.Mentions.Contains(filter.RequestId))
            && (filter.PersonalDigest is null || facts.Mentions.Contains(filter.PersonalDigest))
            ? place
            : null;
    }
}
