using System.Data.Common;
using System.Globalization;
using System.Text.Json;
using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// A page's worth of entries out of segments, which are looked through one after the other, by their latest entry. Not thread-safe.
/// </summary>
/// <param name="filter">Which entries.</param>
/// <param name="after">The place in the list where the page begins.</param>
/// <param name="wanted">How many entries are enough.</param>
internal sealed class SegmentSearch(AuditFilter filter, PageCursor after, int wanted)
{
    private readonly List<(PageCursor Place, AuditEntry Entry)> found = [];

    private const int Hints = 64;

    private long From => filter.From?.UtcTicks ?? long.MinValue;

    /// <summary>Segments that begin before this.</summary>
    private long To => Math.Min(filter.To?.UtcTicks ?? long.MaxValue, after.Ticks == long.MaxValue ? long.MaxValue : after.Ticks + 1);

    /// <summary>A page of rows, with what segments have for it, in the list's order.</summary>
    public static async Task<PageReply<AuditEntry>> AddAsync(
        ISqlReads database, PageReply<AuditEntry> rows, AuditFilter filter, string? cursor, int? limit, CancellationToken cancellationToken)
    {
        if (rows is not PageReply<AuditEntry>.Page page || !PageCursor.TryParse(cursor, 'a', out var after))
            return rows;
        var size = PageLimits.Clamp(limit);
        var search = new SegmentSearch(filter, after.Value, size + 1);
        await search.RunAsync(database, cancellationToken);
        return search.Merge(page, size);
    }

    /// <summary>Looks through segments, the latest first, until the rest cannot hold anything that comes before what was found.</summary>
    private async Task RunAsync(ISqlReads database, CancellationToken cancellationToken)
    {
        var (sql, more) = Query();
        var before = new Hint(long.MaxValue, "\U0010FFFF", long.MaxValue, []);
        while (true)
        {
            var page = await database.AllAsync(sql, Hint.Read, cancellationToken, [before.EndsAt, before.Source, before.First, .. more]);
            foreach (var hint in page)
            {
                if (IsFull(hint.EndsAt))
                    return;
                if (MayHold(hint.Mentions))
                    (await database.AllAsync(StoredChains.SegmentSql, r => StoredChains.Segment(hint.Source, r), cancellationToken, hint.Source, hint.First)).ForEach(Add);
            }

            if (page.Count < Hints)
                return;
            before = page[^1];
        }
    }

    private PageReply<AuditEntry>.Page Merge(PageReply<AuditEntry>.Page rows, int size)
    {
        if (found.Count == 0)
            return rows;
        var all = rows.Items.Select(e => (Place: new PageCursor('a', AuditFacts.Of(e).At.UtcTicks, e.Source, e.Sequence), Entry: e)).Concat(found).ToList();
        all.Sort(static (a, b) => Order(a.Place, b.Place));
        var more = rows.NextCursor is not null || all.Count > size;
        return new PageReply<AuditEntry>.Page([.. all.Take(size).Select(e => e.Entry)], more ? all[Math.Min(size, all.Count) - 1].Place.ToString() : null);
    }

    // Only the conditions that are asked for, so that the planner sees which index has them in order.
    private (string Sql, List<object> Values) Query()
    {
        // Not as (to_at, source, first_seq) < ($1, $2, $3): an index would be entered there, and not at an earlier time that is asked for.
        List<string> conditions = ["s.to_at <= $1 AND (s.to_at < $1 OR s.source < $2 OR (s.source = $2 AND s.first_seq < $3))"];
        List<object> values = [];
        if (filter.From is not null)
            conditions.Add($"s.to_at >= {Bind(From)}");
        // One that begins before a time ends no later after it than the longest lasts: what is later is not even looked at.
        if (To < long.MaxValue)
            conditions.Add($"s.from_at < {Bind(To)} AND s.to_at < {Bind(To)} + (SELECT l.to_at - l.from_at FROM audit_segments l ORDER BY l.to_at - l.from_at DESC LIMIT 1)");
        if (filter.Source is not null)
            conditions.Add($"s.source = {Bind(filter.Source)}");
        // Finds too much where a type has a sign that stands for others; each entry is looked at by itself.
        if (filter.Type is not null)
            conditions.Add($"s.types LIKE {Bind($"%,{filter.Type},%")}");
        return (
            $"SELECT s.to_at, s.source, s.first_seq, s.filter FROM audit_segments s WHERE {string.Join(" AND ", conditions)} ORDER BY s.to_at DESC, s.source DESC, s.first_seq DESC LIMIT {Hints}",
            values);

        string Bind(object value)
        {
            values.Add(value);
            return string.Create(CultureInfo.InvariantCulture, $"${values.Count + 3}");
        }
    }

    private bool MayHold(byte[] mentions) =>
        (filter.RequestId is null || MentionFilter.MayHold(mentions, filter.RequestId)) && (filter.PersonalDigest is null || MentionFilter.MayHold(mentions, filter.PersonalDigest));

    /// <summary>Whether enough was found that no segment which ends at this time could come before.</summary>
    private bool IsFull(long endsAt) => found.Count >= wanted && found[wanted - 1].Place.Ticks > endsAt;

    private void Add(AuditSegment segment)
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

    private static int Order(PageCursor a, PageCursor b) => a == b ? 0 : a.IsBefore(b.Ticks, b.Id, b.Number) ? -1 : 1;

    private bool MayMention(string body) =>
        (filter.RequestId is null || body.Contains(filter.RequestId, StringComparison.Ordinal)) && (filter.PersonalDigest is null || body.Contains(filter.PersonalDigest, StringComparison.Ordinal));

    private PageCursor? Fits(AuditEntry entry)
    {
        if (FactsOf(entry) is not { } facts)
            return null;
        var place = new PageCursor('a', facts.At.UtcTicks, entry.Source, entry.Sequence);
        return after.IsBefore(place.Ticks, place.Id, place.Number)
            && facts.At.UtcTicks >= From && (filter.To is null || facts.At < filter.To)
            && (filter.Type is null || facts.Type == filter.Type)
            && (filter.RequestId is null || facts.Mentions.Contains(filter.RequestId))
            && (filter.PersonalDigest is null || facts.Mentions.Contains(filter.PersonalDigest))
            ? place
            : null;
    }

    // What was tampered with is for whoever verifies.
    private static AuditFacts? FactsOf(AuditEntry entry)
    {
        try
        {
            return AuditFacts.Of(entry);
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    /// <summary>A segment as far as a search looks before it unpacks it.</summary>
    private sealed record Hint(long EndsAt, string Source, long First, byte[] Mentions)
    {
        public static Hint Read(DbDataReader r) => new(r.GetInt64(0), r.GetString(1), r.GetInt64(2), r.GetFieldValue<byte[]>(3));
    }
}
