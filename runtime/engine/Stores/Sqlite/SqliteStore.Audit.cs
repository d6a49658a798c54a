using System.Data.Common;
using System.Runtime.CompilerServices;
using System.Text.Json;
using JitGrains.Audit;
using Microsoft.Data.Sqlite;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore : IAuditStore, ISqlReads
{
    private const int AuditPage = 500;
    private const string AuditColumns = "e.source, e.seq, e.hash, e.body";

    public async Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default)
    {
        // Packed here, on the caller's thread: the writer has others to write for.
        if (AuditSegment.TryPack(entries) is not { } segments)
        {
            await writer.WriteAsync(db => AppendRows(db, entries), cancellationToken);
            return;
        }

        var generation = knownValues.Generation;
        var values = knownValues.Unknown(entries).Values;
        if (await writer.WriteAsync(db => AppendSegments(db, segments, entries, values), cancellationToken))
            knownValues.Add(values, generation);
    }

    public async Task<PageReply<AuditEntry>> QueryAsync(
        AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default)
    {
        // What is mentioned is rare: its own index, which is in the list's order, leads the way.
        var (first, second) = filter.RequestId is null ? (filter.PersonalDigest, null) : (filter.RequestId, filter.PersonalDigest);
        var query = first is null
            ? new PageQuery('a', $"SELECT {AuditColumns} FROM audit_entries e", "e.at", "e.source", "e.seq")
            : new PageQuery(
                'a', $"SELECT {AuditColumns} FROM audit_mentions m CROSS JOIN audit_entries e ON e.source = m.source AND e.seq = m.seq", "m.at", "m.source", "m.seq");
        var rows = await query
            .And("m.mention =", first)
            .And("EXISTS (SELECT 1 FROM audit_mentions o WHERE o.at = e.at AND o.source = e.source AND o.seq = e.seq AND o.mention =", second, ")")
            .And("e.source =", filter.Source)
            .And("e.type =", filter.Type)
            .And("e.at >=", filter.From?.UtcTicks)
            .And("e.at <", filter.To?.UtcTicks)
            .RunAsync(readers, cursor, limit, Entry, PlaceOf, cancellationToken);
        return await SegmentSearch.AddAsync(this, rows, filter, cursor, limit, cancellationToken);
    }

    public async IAsyncEnumerable<AuditSource> ListSourcesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var after = "";
        while (true)
        {
            var page = await readers.ReadAsync(
                db => db.All(
                    """
                    SELECT source FROM (
                        SELECT source FROM (SELECT source FROM audit_entries WHERE source > $1 GROUP BY source ORDER BY source LIMIT $2)
                        UNION SELECT source FROM (SELECT source FROM audit_segments WHERE source > $1 GROUP BY source ORDER BY source LIMIT $2))
                    ORDER BY source LIMIT $2
                    """,
                    r => r.GetString(0),
                    after, AuditPage)
                    .ConvertAll(source => new AuditSource(source, Head(db, source))),
                cancellationToken);
            foreach (var source in page)
                yield return source;
            if (page.Count < AuditPage)
                yield break;
            after = page[^1].Source;
        }
    }

    public Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default) =>
        readers.ReadAsync(db => Head(db, source), cancellationToken);

    public IAsyncEnumerable<AuditEntry> ReadChainAsync(string source, long fromSequence = 1, CancellationToken cancellationToken = default) =>
        StoredChains.ReadAsync(this, source, fromSequence, cancellationToken);

    Task<List<T>> ISqlReads.AllAsync<T>(string sql, Func<DbDataReader, T> read, CancellationToken cancellationToken, params object[] parameters) =>
        readers.ReadAsync(db => db.All(sql, read, parameters), cancellationToken);

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

    private static PageCursor PlaceOf(AuditEntry entry) => new('a', AuditFacts.Of(entry).At.UtcTicks, entry.Source, entry.Sequence);

    private static AuditEntry Entry(SqliteDataReader r) => new(r.GetString(0), r.GetInt64(1), r.GetString(2), r.GetString(3), []);
}
