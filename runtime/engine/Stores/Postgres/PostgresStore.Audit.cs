using System.Data.Common;
using System.Runtime.CompilerServices;
using JitGrains.Audit;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore : IAuditStore, ISqlReads
{
    private const int AuditPage = 500;
    private const string AuditColumns = "e.source, e.seq, e.hash, e.body";

    // From one source to the next by the indexes: as fast with long chains as with short ones.
    private static readonly string Sources =
        $"""
        WITH RECURSIVE chains(source, n) AS (
            SELECT least(
                (SELECT source FROM audit_entries WHERE source > $1 ORDER BY source LIMIT 1),
                (SELECT source FROM audit_segments WHERE source > $1 ORDER BY source LIMIT 1)), 1
            UNION ALL
            SELECT least(
                (SELECT e.source FROM audit_entries e WHERE e.source > c.source ORDER BY e.source LIMIT 1),
                (SELECT e.source FROM audit_segments e WHERE e.source > c.source ORDER BY e.source LIMIT 1)), n + 1
            FROM chains c WHERE c.source IS NOT NULL AND n < $2)
        SELECT chains.source, head.seq, head.hash FROM chains CROSS JOIN LATERAL ({StoredChains.HeadSqlOf("chains.source")}) head ORDER BY chains.source
        """;

    public async Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default)
    {
        // On the caller's thread, before anything waits for a connection.
        var segments = PackJournal(entries);
        await opening.OpenAsync(cancellationToken);
        if (segments is not null ? await TryAppendAsync(segments, entries, cancellationToken) : await TryAppendAsync([.. entries], cancellationToken))
            return;
        // Something is in the place of one of them, or what the first one follows is not at a chain's end: looked at one by one.
        var missing = await StoredChains.MissingAsync(this, entries, cancellationToken);
        if (!await TryAppendAsync(missing, cancellationToken))
            throw new StoreUnavailableException("Another process writes the same audit chain.");
    }

    public async Task<PageReply<AuditEntry>> QueryAsync(
        AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default)
    {
        // What is mentioned is rare: its own index, which is in the list's order, leads the way.
        var (first, second) = filter.RequestId is null ? (filter.PersonalDigest, null) : (filter.RequestId, filter.PersonalDigest);
        var query = first is null
            ? new PostgresPage('a', $"SELECT {AuditColumns} FROM audit_entries e", "e.at", "e.source", "e.seq")
            : new PostgresPage(
                'a', $"SELECT {AuditColumns} FROM audit_mentions m JOIN audit_entries e ON e.source = m.source AND e.seq = m.seq", "m.at", "m.source", "m.seq");
        var rows = await query
            .And("m.mention =", first)
            .And("EXISTS (SELECT 1 FROM audit_mentions o WHERE o.at = e.at AND o.source = e.source AND o.seq = e.seq AND o.mention =", second, ")")
            .And("e.source =", filter.Source)
            .And("e.type =", filter.Type)
            .And("e.at >=", filter.From?.UtcTicks)
            .And("e.at <", filter.To?.UtcTicks)
            .RunAsync(this, cursor, limit, Entry, e => new PageCursor('a', AuditFacts.Of(e).At.UtcTicks, e.Source, e.Sequence), cancellationToken);
        return await SegmentSearch.AddAsync(this, rows, filter, cursor, limit, cancellationToken);
    }

    public async IAsyncEnumerable<AuditSource> ListSourcesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var after = "";
        while (true)
        {
            var page = await AllAsync(Sources, r => new AuditSource(r.GetString(0), new ChainHead(r.GetInt64(1), r.GetString(2))), cancellationToken, after, AuditPage);
            foreach (var source in page)
                yield return source;
            if (page.Count < AuditPage)
                yield break;
            after = page[^1].Source;
        }
    }

    public async Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default) =>
        await OneAsync(StoredChains.HeadSql, StoredChains.Head, cancellationToken, source) ?? ChainHead.Empty;

    public IAsyncEnumerable<AuditEntry> ReadChainAsync(string source, long fromSequence = 1, CancellationToken cancellationToken = default) =>
        StoredChains.ReadAsync(this, source, fromSequence, cancellationToken);

    Task<List<T>> ISqlReads.AllAsync<T>(string sql, Func<DbDataReader, T> read, CancellationToken cancellationToken, params object[] parameters) =>
        AllAsync(sql, read, cancellationToken, parameters);

    public async Task<IReadOnlyDictionary<string, string>> ResolveAsync(IReadOnlyCollection<string> digests, CancellationToken cancellationToken = default)
    {
        var rows = await AllAsync(
            "SELECT digest, value FROM audit_values WHERE digest = ANY($1)",
            r => KeyValuePair.Create(r.GetString(0), r.GetString(1)),
            cancellationToken,
            (object)digests.Distinct(StringComparer.Ordinal).ToArray());
        return rows.ToDictionary(StringComparer.Ordinal);
    }

    private static AuditEntry Entry(NpgsqlDataReader r) => new(r.GetString(0), r.GetInt64(1), r.GetString(2), r.GetString(3), []);
}
