using System.Runtime.CompilerServices;
using System.Text.Json;
using JitGrains.Audit;
using Microsoft.Data.Sqlite;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore : IAuditStore
{
    private const int AuditPage = 500;
    private const string AuditColumns = "e.source, e.seq, e.hash, e.body";

    public Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default) =>
        writer.WriteAsync(
            db =>
            {
                foreach (var link in AuditLink.Of(entries))
                    link.Check(db.One("SELECT hash FROM audit_entries WHERE source = $1 AND seq = $2", r => r.GetString(0), link.Source, link.Sequence));
                foreach (var entry in entries)
                    Append(db, entry);
                return entries.Count;
            },
            cancellationToken);

    public Task<PageReply<AuditEntry>> QueryAsync(
        AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default)
    {
        // What is mentioned is rare: its own index, which is in the list's order, leads the way.
        var (first, second) = filter.RequestId is null ? (filter.PersonalDigest, null) : (filter.RequestId, filter.PersonalDigest);
        var query = first is null
            ? new PageQuery('a', $"SELECT {AuditColumns} FROM audit_entries e", "e.at", "e.source", "e.seq")
            : new PageQuery(
                'a', $"SELECT {AuditColumns} FROM audit_mentions m CROSS JOIN audit_entries e ON e.source = m.source AND e.seq = m.seq", "m.at", "m.source", "m.seq");
        return query
            .And("m.mention =", first)
            .And("EXISTS (SELECT 1 FROM audit_mentions o WHERE o.at = e.at AND o.source = e.source AND o.seq = e.seq AND o.mention =", second, ")")
            .And("e.source =", filter.Source)
            .And("e.type =", filter.Type)
            .And("e.at >=", filter.From?.UtcTicks)
            .And("e.at <", filter.To?.UtcTicks)
            .RunAsync(readers, cursor, limit, Entry, e => new PageCursor('a', AuditFacts.Of(e).At.UtcTicks, e.Source, e.Sequence), cancellationToken);
    }

    public async IAsyncEnumerable<AuditSource> ListSourcesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var after = "";
        while (true)
        {
            var page = await readers.ReadAsync(
                db => db.All(
                    """
                    SELECT e.source, e.seq, e.hash
                    FROM (SELECT source, MAX(seq) AS seq FROM audit_entries WHERE source > $1 GROUP BY source ORDER BY source LIMIT $2) last
                    JOIN audit_entries e ON e.source = last.source AND e.seq = last.seq
                    ORDER BY e.source
                    """,
                    r => new AuditSource(r.GetString(0), new ChainHead(r.GetInt64(1), r.GetString(2))),
                    after, AuditPage),
                cancellationToken);
            foreach (var source in page)
                yield return source;
            if (page.Count < AuditPage)
                yield break;
            after = page[^1].Source;
        }
    }

    public async Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default) =>
        await readers.ReadAsync(
            db => db.One(
                "SELECT seq, hash FROM audit_entries WHERE source = $1 ORDER BY seq DESC LIMIT 1", r => new ChainHead(r.GetInt64(0), r.GetString(1)), source),
            cancellationToken) ?? ChainHead.Empty;

    public async IAsyncEnumerable<AuditEntry> ReadChainAsync(
        string source, long fromSequence = 1, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var from = fromSequence;
        while (true)
        {
            var page = await readers.ReadAsync(
                db => db.All(
                    "SELECT source, seq, hash, body FROM audit_entries WHERE source = $1 AND seq >= $2 ORDER BY seq LIMIT $3", Entry, source, from, AuditPage),
                cancellationToken);
            foreach (var entry in page)
                yield return entry;
            if (page.Count < AuditPage)
                yield break;
            from = page[^1].Sequence + 1;
        }
    }

    public async Task<IReadOnlyDictionary<string, string>> ResolveAsync(IReadOnlyCollection<string> digests, CancellationToken cancellationToken = default)
    {
        var rows = await readers.ReadAsync(
            db => db.All(
                "SELECT digest, value FROM audit_values WHERE digest IN (SELECT value FROM json_each($1))",
                r => KeyValuePair.Create(r.GetString(0), r.GetString(1)),
                JsonSerializer.Serialize(digests)),
            cancellationToken);
        return rows.ToDictionary(StringComparer.Ordinal);
    }

    private static AuditEntry Entry(SqliteDataReader r) => new(r.GetString(0), r.GetInt64(1), r.GetString(2), r.GetString(3), []);
}
