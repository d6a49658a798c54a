using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore
{
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
    private static bool AppendSegments(Db db, List<AuditSegment> segments, IReadOnlyList<AuditEntry> entries, IReadOnlyCollection<PersonalValue> values)
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

        foreach (var value in values)
            Add(db, value);
        return true;
    }

    private static ChainHead Head(Db db, string source) => db.One(StoredChains.HeadSql, StoredChains.Head, source) ?? ChainHead.Empty;

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
        db.One("SELECT first_seq, last_seq, hash, bodies FROM audit_segments WHERE source = $1 AND first_seq <= $2 ORDER BY first_seq DESC LIMIT 1", r => StoredChains.Segment(source, r), source, sequence) is { } found && found.Last >= sequence
            ? found
            : null;
}
