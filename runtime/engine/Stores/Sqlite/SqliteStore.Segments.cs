using JitGrains.Audit;
using Microsoft.Data.Sqlite;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore
{
    private const string SegmentColumns = "s.source, s.first_seq, s.last_seq, s.hash, s.from_at, s.to_at, s.types, s.filter, s.bodies";

    /// <summary>Values whose digests are stored, as far as this process has seen them committed.</summary>
    private readonly KnownKeys knownValues = new();

    private static bool AppendRows(Db db, IReadOnlyList<AuditEntry> entries)
    {
        foreach (var link in AuditLink.Of(entries))
            link.Check(HashAt(db, link.Source, link.Sequence));
        var stored = new List<AuditEntry>();
        foreach (var entry in entries)
        {
            if (!IsInSegment(db, entry, ref stored))
                Append(db, entry);
        }

        return false;
    }

    /// <summary>False where some of the entries are stored already, and the others were written one by one.</summary>
    private bool AppendSegments(Db db, List<AuditSegment> segments, IReadOnlyList<AuditEntry> entries)
    {
        if (Head(db, segments[0].Source).Sequence >= segments[0].First)
            return AppendRows(db, entries);
        foreach (var link in AuditLink.OfRun(entries))
            link.Check(HashAt(db, link.Source, link.Sequence));
        foreach (var segment in segments)
        {
            db.Execute(
                "INSERT INTO audit_segments (source, first_seq, last_seq, hash, from_at, to_at, types, filter, bodies) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                segment.Source, segment.First, segment.Last, segment.Hash, segment.FromTicks, segment.ToTicks, segment.Types, segment.Filter, segment.Bodies);
        }

        foreach (var value in Unknown(entries))
            Add(db, value);
        return true;
    }

    /// <summary>The entries' values are committed.</summary>
    private void Learn(IReadOnlyList<AuditEntry> entries)
    {
        if (Unknown(entries) is { Count: > 0 } learned)
            knownValues.Add(learned.ConvertAll(v => v.Digest));
    }

    /// <summary>The entries' values that are not known to be stored; the same may be there several times.</summary>
    private List<PersonalValue> Unknown(IReadOnlyList<AuditEntry> entries)
    {
        var unknown = new List<PersonalValue>();
        foreach (var value in entries is SealedRun run ? run.Values : entries.SelectMany(e => e.Values))
        {
            if (!knownValues.Contains(value.Digest))
                unknown.Add(value);
        }

        return unknown;
    }

    private static ChainHead Head(Db db, string source)
    {
        var row = db.One("SELECT seq, hash FROM audit_entries WHERE source = $1 ORDER BY seq DESC LIMIT 1", r => new ChainHead(r.GetInt64(0), r.GetString(1)), source);
        var segment = db.One("SELECT last_seq, hash FROM audit_segments WHERE source = $1 ORDER BY first_seq DESC LIMIT 1", r => new ChainHead(r.GetInt64(0), r.GetString(1)), source);
        return (row, segment) switch
        {
            (null, null) => ChainHead.Empty,
            ({ } one, null) => one,
            (null, { } one) => one,
            _ => row.Sequence > segment.Sequence ? row : segment,
        };
    }

    /// <summary>The hash of a stored entry, or null where there is none.</summary>
    private static string? HashAt(Db db, string source, long sequence)
    {
        if (db.One("SELECT hash FROM audit_entries WHERE source = $1 AND seq = $2", r => r.GetString(0), source, sequence) is { } hash)
            return hash;
        var end = db.One("SELECT last_seq, hash FROM audit_segments WHERE source = $1 AND first_seq <= $2 ORDER BY first_seq DESC LIMIT 1", r => new ChainHead(r.GetInt64(0), r.GetString(1)), source, sequence);
        if (end is null || end.Sequence < sequence)
            return null;
        return end.Sequence == sequence ? end.Hash : SegmentAt(db, source, sequence)!.Unpack().Find(e => e.Sequence == sequence)?.Hash;
    }

    /// <summary>Whether the entry is in a segment; throws where another one is in its place.</summary>
    private static bool IsInSegment(Db db, AuditEntry entry, ref List<AuditEntry> stored)
    {
        var found = stored.Find(e => e.Source == entry.Source && e.Sequence == entry.Sequence);
        if (found is null)
        {
            if (SegmentAt(db, entry.Source, entry.Sequence) is not { } segment)
                return false;
            stored = segment.Unpack();
            found = stored.Find(e => e.Sequence == entry.Sequence);
        }

        return found is not null && found.Hash == entry.Hash && found.Body == entry.Body
            ? true
            : throw new AuditConflictException($"audit chain {entry.Source} holds another entry {entry.Sequence}");
    }

    private static AuditSegment? SegmentAt(Db db, string source, long sequence) =>
        db.One($"SELECT {SegmentColumns} FROM audit_segments s WHERE s.source = $1 AND s.first_seq <= $2 ORDER BY s.first_seq DESC LIMIT 1", Segment, source, sequence) is { } found && found.Last >= sequence
            ? found
            : null;

    /// <summary>Where reading a chain has got to: the next number, and the last segment read.</summary>
    private sealed record ChainPlace(long From, long SegmentRead);

    /// <summary>
    /// The next entries of a chain: rows up to a segment, then that. What is there twice is shown twice, for whoever verifies.
    /// </summary>
    private static (List<AuditEntry> Page, ChainPlace? Next) ReadOn(Db db, string source, ChainPlace place)
    {
        var start = db.One(
            "SELECT first_seq, last_seq FROM audit_segments WHERE source = $1 AND first_seq > $2 AND last_seq >= $3 ORDER BY first_seq LIMIT 1",
            r => (First: r.GetInt64(0), Last: r.GetInt64(1)), source, place.SegmentRead, place.SegmentRead == long.MinValue ? place.From : long.MinValue);
        var page = db.All(
            "SELECT source, seq, hash, body FROM audit_entries WHERE source = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq LIMIT $4",
            Entry, source, place.From, start == default ? long.MaxValue : start.First - 1, AuditPage);
        if (page.Count == AuditPage)
            return (page, place with { From = page[^1].Sequence + 1 });
        if (start == default)
            return (page, null);
        page.AddRange(db.One($"SELECT {SegmentColumns} FROM audit_segments s WHERE s.source = $1 AND s.first_seq = $2", Segment, source, start.First)!.Unpack());
        return (page, new ChainPlace(Math.Max(start.First, place.From), start.First));
    }

    /// <summary>Looks through segments, the latest first, until the rest cannot hold anything that comes before what was found.</summary>
    private static bool Search(Db db, SegmentSearch search)
    {
        var before = (At: long.MaxValue, Source: "\U0010FFFF", First: long.MaxValue);
        while (true)
        {
            var page = db.All(
                """
                SELECT s.to_at, s.source, s.first_seq, s.filter FROM audit_segments s
                WHERE (s.to_at, s.source, s.first_seq) < ($1, $2, $3) AND s.to_at >= $4 AND s.from_at < $5
                    AND ($6 IS NULL OR s.source = $6) AND ($7 IS NULL OR instr(s.types, $7) > 0)
                ORDER BY s.to_at DESC, s.source DESC, s.first_seq DESC LIMIT 64
                """,
                r => (At: r.GetInt64(0), Source: r.GetString(1), First: r.GetInt64(2), Filter: r.GetFieldValue<byte[]>(3)),
                before.At, before.Source, before.First, search.From, search.To, search.Source, search.Type is null ? null : $",{search.Type},");
            foreach (var found in page)
            {
                if (search.IsFull(found.At))
                    return true;
                if (search.MayHold(found.Filter))
                    search.Add(db.One($"SELECT {SegmentColumns} FROM audit_segments s WHERE s.source = $1 AND s.first_seq = $2", Segment, found.Source, found.First)!);
            }

            if (page.Count < 64)
                return true;
            before = (page[^1].At, page[^1].Source, page[^1].First);
        }
    }

    private static AuditSegment Segment(SqliteDataReader r) => new(
        r.GetString(0), r.GetInt64(1), r.GetInt64(2), r.GetString(3), r.GetInt64(4), r.GetInt64(5), r.GetString(6), r.GetFieldValue<byte[]>(7), r.GetFieldValue<byte[]>(8));
}
