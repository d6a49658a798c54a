using System.Data.Common;
using System.Runtime.CompilerServices;
using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

/// <summary>A database that can be asked in the SQL that SQLite and PostgreSQL have in common; parameters are <c>$1</c>, <c>$2</c>... Thread-safe.</summary>
internal interface ISqlReads
{
    /// <summary>All rows of one statement, which sees what was committed when it began.</summary>
    Task<List<T>> AllAsync<T>(string sql, Func<DbDataReader, T> read, CancellationToken cancellationToken, params object[] parameters);
}

/// <summary>Chains as they are stored: some entries with rows of their own, some in segments. The same on every engine. Stateless.</summary>
internal static class StoredChains
{
    /// <summary>Where a chain (<c>$1</c>) ends.</summary>
    public static readonly string HeadSql = HeadSqlOf("$1");

    /// <summary>A segment, by its chain (<c>$1</c>) and its first entry's number (<c>$2</c>), for <see cref="Segment"/>.</summary>
    public const string SegmentSql = "SELECT first_seq, last_seq, hash, bodies FROM audit_segments WHERE source = $1 AND first_seq = $2";

    private const int Page = 500;

    // Rows of $1 from number $3 on, up to the next segment after the one that begins at $2; and that, where no more rows come before
    // it. In one statement: between two, a segment could come in, and rows behind it that would look as if it were missing.
    private const string NextSql =
        """
        WITH next AS (SELECT first_seq, last_seq, hash, bodies FROM audit_segments WHERE source = $1 AND first_seq > $2 ORDER BY first_seq LIMIT 1),
        rows_before AS (
            SELECT seq, hash, body FROM audit_entries
            WHERE source = $1 AND seq >= $3 AND seq <= coalesce((SELECT first_seq - 1 FROM next), 9223372036854775807) ORDER BY seq LIMIT 500)
        SELECT r.seq, NULL, r.hash, r.body, NULL FROM rows_before r
        UNION ALL
        SELECT n.first_seq, n.last_seq, n.hash, NULL, n.bodies FROM next n WHERE (SELECT count(*) FROM rows_before) < 500
        ORDER BY 1
        """;

    /// <summary>Where the chain of this name (an expression) ends.</summary>
    public static string HeadSqlOf(string chain) =>
        $"""
        SELECT h.seq, h.hash FROM (
            SELECT r.seq, r.hash FROM (SELECT seq, hash FROM audit_entries WHERE source = {chain} ORDER BY seq DESC LIMIT 1) r
            UNION ALL
            SELECT s.last_seq, s.hash FROM (SELECT last_seq, hash FROM audit_segments WHERE source = {chain} ORDER BY first_seq DESC LIMIT 1) s) h
        ORDER BY h.seq DESC LIMIT 1
        """;

    /// <summary>Reads <see cref="HeadSql"/>.</summary>
    public static ChainHead Head(DbDataReader r) => new(r.GetInt64(0), r.GetString(1));

    /// <summary>Reads what a segment's entries are made of.</summary>
    public static AuditSegment Segment(string source, DbDataReader r) =>
        new(source, r.GetInt64(0), r.GetInt64(1), r.GetString(2), 0, 0, "", [], r.GetFieldValue<byte[]>(3));

    /// <summary>A chain's entries in order. What is there twice is shown twice, for whoever verifies.</summary>
    public static async IAsyncEnumerable<AuditEntry> ReadAsync(
        ISqlReads database, string source, long from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (next, segmentRead) = (from, long.MinValue);
        if (from > 1 && await FirstAsync("SELECT first_seq FROM audit_segments WHERE source = $1 AND first_seq <= $2 ORDER BY first_seq DESC LIMIT 1", from) is { } holds)
            segmentRead = holds - 1;
        while (true)
        {
            var page = await database.AllAsync(NextSql, r => Read(source, r), cancellationToken, source, segmentRead, next);
            var rows = 0;
            foreach (var (row, _) in page)
            {
                if (row is null)
                    continue;
                (next, rows) = (row.Sequence + 1, rows + 1);
                yield return row;
            }

            if (page.Find(p => p.Segment is not null).Segment is { } segment)
            {
                foreach (var entry in segment.Unpack())
                {
                    if (entry.Sequence >= from)
                        yield return entry;
                }

                (next, segmentRead) = (Math.Max(segment.First, next), segment.First);
            }
            else if (rows < Page)
            {
                yield break;
            }
        }

        async Task<long?> FirstAsync(string sql, long number) =>
            (await database.AllAsync(sql, r => (long?)r.GetInt64(0), cancellationToken, source, number)).FirstOrDefault();
    }

    /// <summary>
    /// Those of the entries that are not stored yet, neither with rows nor in segments. Throws where another one is in the place
    /// of any, and where a chain does not have what the first of its entries follows.
    /// </summary>
    public static async Task<List<AuditEntry>> MissingAsync(ISqlReads database, IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken)
    {
        var stored = new Dictionary<(string Source, long Sequence), AuditEntry>();
        foreach (var chain in entries.GroupBy(e => e.Source, StringComparer.Ordinal))
        {
            var last = chain.Max(e => e.Sequence);
            await foreach (var entry in ReadAsync(database, chain.Key, chain.Min(e => e.Sequence) - 1, cancellationToken))
            {
                if (entry.Sequence > last)
                    break;
                stored[(entry.Source, entry.Sequence)] = entry;
            }
        }

        foreach (var link in AuditLink.Of(entries))
            link.Check(stored.GetValueOrDefault((link.Source, link.Sequence))?.Hash);
        var missing = new List<AuditEntry>();
        foreach (var entry in entries)
        {
            if (stored.TryAdd((entry.Source, entry.Sequence), entry))
                missing.Add(entry);
            else if (stored[(entry.Source, entry.Sequence)] is var other && (other.Hash != entry.Hash || other.Body != entry.Body))
                throw new AuditConflictException($"audit chain {entry.Source} holds another entry {entry.Sequence}");
        }

        return missing;
    }

    private static (AuditEntry? Row, AuditSegment? Segment) Read(string source, DbDataReader r) =>
        r.IsDBNull(4)
            ? (new AuditEntry(source, r.GetInt64(0), r.GetString(2), r.GetString(3), []), null)
            : (null, new AuditSegment(source, r.GetInt64(0), r.GetInt64(1), r.GetString(2), 0, 0, "", [], r.GetFieldValue<byte[]>(4)));
}
