using System.Runtime.CompilerServices;
using JitGrains.Audit;
using Npgsql;

namespace JitGrains.Runtime.Engine;

internal sealed partial class PostgresStore : IAuditStore
{
    private const int AuditPage = 500;
    private const string AuditColumns = "e.source, e.seq, e.hash, e.body";

    public async Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default)
    {
        // One row for each, and each looked at more than once.
        if (entries is SealedRun)
            entries = [.. entries];
        await opening.OpenAsync(cancellationToken);
        try
        {
            await AppendAllAsync(entries, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            await AppendAllAsync(await MissingAsync(entries, cancellationToken), cancellationToken);
        }
    }

    public Task<PageReply<AuditEntry>> QueryAsync(
        AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default)
    {
        // What is mentioned is rare: its own index, which is in the list's order, leads the way.
        var (first, second) = filter.RequestId is null ? (filter.PersonalDigest, null) : (filter.RequestId, filter.PersonalDigest);
        var query = first is null
            ? new PostgresPage('a', $"SELECT {AuditColumns} FROM audit_entries e", "e.at", "e.source", "e.seq")
            : new PostgresPage(
                'a', $"SELECT {AuditColumns} FROM audit_mentions m JOIN audit_entries e ON e.source = m.source AND e.seq = m.seq", "m.at", "m.source", "m.seq");
        return query
            .And("m.mention =", first)
            .And("EXISTS (SELECT 1 FROM audit_mentions o WHERE o.at = e.at AND o.source = e.source AND o.seq = e.seq AND o.mention =", second, ")")
            .And("e.source =", filter.Source)
            .And("e.type =", filter.Type)
            .And("e.at >=", filter.From?.UtcTicks)
            .And("e.at <", filter.To?.UtcTicks)
            .RunAsync(this, cursor, limit, Entry, e => new PageCursor('a', AuditFacts.Of(e).At.UtcTicks, e.Source, e.Sequence), cancellationToken);
    }

    public async IAsyncEnumerable<AuditSource> ListSourcesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var after = "";
        while (true)
        {
            // From one source to the next by the index: as fast with long chains as with short ones.
            var page = await AllAsync(
                """
                WITH RECURSIVE s(source, n) AS (
                    (SELECT source, 1 FROM audit_entries WHERE source > $1 ORDER BY source LIMIT 1)
                    UNION ALL
                    SELECT (SELECT e.source FROM audit_entries e WHERE e.source > s.source ORDER BY e.source LIMIT 1), n + 1
                    FROM s WHERE s.source IS NOT NULL AND n < $2)
                SELECT s.source, l.seq, l.hash FROM s
                CROSS JOIN LATERAL (SELECT e.seq, e.hash FROM audit_entries e WHERE e.source = s.source ORDER BY e.seq DESC LIMIT 1) l
                ORDER BY s.source
                """,
                r => new AuditSource(r.GetString(0), new ChainHead(r.GetInt64(1), r.GetString(2))),
                cancellationToken,
                after, AuditPage);
            foreach (var source in page)
                yield return source;
            if (page.Count < AuditPage)
                yield break;
            after = page[^1].Source;
        }
    }

    public async Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default) =>
        await OneAsync(
            "SELECT seq, hash FROM audit_entries WHERE source = $1 ORDER BY seq DESC LIMIT 1",
            r => new ChainHead(r.GetInt64(0), r.GetString(1)),
            cancellationToken,
            source) ?? ChainHead.Empty;

    public async IAsyncEnumerable<AuditEntry> ReadChainAsync(
        string source, long fromSequence = 1, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var from = fromSequence;
        while (true)
        {
            var page = await AllAsync(
                "SELECT source, seq, hash, body FROM audit_entries WHERE source = $1 AND seq >= $2 ORDER BY seq LIMIT $3",
                Entry,
                cancellationToken,
                source, from, (long)AuditPage);
            foreach (var entry in page)
                yield return entry;
            if (page.Count < AuditPage)
                yield break;
            from = page[^1].Sequence + 1;
        }
    }

    public async Task<IReadOnlyDictionary<string, string>> ResolveAsync(IReadOnlyCollection<string> digests, CancellationToken cancellationToken = default)
    {
        var rows = await AllAsync(
            "SELECT digest, value FROM audit_values WHERE digest = ANY($1)",
            r => KeyValuePair.Create(r.GetString(0), r.GetString(1)),
            cancellationToken,
            (object)digests.Distinct(StringComparer.Ordinal).ToArray());
        return rows.ToDictionary(StringComparer.Ordinal);
    }

    private Task<int> AppendAllAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken) =>
        entries.Count == 0
            ? Task.FromResult(0)
            : connections.UseAsync(
                async connection =>
                {
                    var links = AuditLink.Of(entries);
                    if (links.Count > 0)
                        await CheckAsync(connection, links, cancellationToken);
                    await using var batch = new NpgsqlBatch(connection);
                    if (links.Count == 0)
                        AddBegin(batch);
                    var all = new PostgresWrite(known);
                    all.Append(entries);
                    batch.BatchCommands.Add(all.Build());
                    batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
                    await batch.ExecuteNonQueryAsync(cancellationToken);
                    all.Committed();
                    return entries.Count;
                },
                again: false,
                cancellationToken);

    /// <summary>Begins the transaction, and throws where something that the entries follow is not stored. What is stored stays.</summary>
    private async Task CheckAsync(NpgsqlConnection connection, List<AuditLink> links, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        AddBegin(batch);
        batch.BatchCommands.Add(PostgresConnections.Statement(
            """
            SELECT (w.n - 1)::integer, e.hash FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS w(source, seq, n)
            JOIN audit_entries e ON e.source = w.source COLLATE "C" AND e.seq = w.seq
            """,
            links.Select(l => l.Source).ToArray(),
            links.Select(l => l.Sequence).ToArray()));
        var stored = new Dictionary<int, string>();
        await using (var reader = await batch.ExecuteReaderAsync(cancellationToken))
        {
            do
            {
                // A pooler's settings answer first, with texts.
                while (await reader.ReadAsync(cancellationToken))
                {
                    if (reader.GetFieldType(0) == typeof(int))
                        stored.Add(reader.GetInt32(0), reader.GetString(1));
                }
            }
            while (await reader.NextResultAsync(cancellationToken));
        }

        for (var i = 0; i < links.Count; i++)
            links[i].Check(stored.GetValueOrDefault(i));
    }

    /// <summary>Those that are not stored yet; throws where another one is in the place of any.</summary>
    private async Task<IReadOnlyList<AuditEntry>> MissingAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken)
    {
        var stored = await AllAsync(
            """
            SELECT e.source, e.seq, e.hash, e.body FROM unnest($1::text[], $2::bigint[]) AS wanted(source, seq)
            JOIN audit_entries e ON e.source = wanted.source COLLATE "C" AND e.seq = wanted.seq
            """,
            Entry,
            cancellationToken,
            entries.Select(e => e.Source).ToArray(),
            entries.Select(e => e.Sequence).ToArray());
        var places = stored.ToDictionary(e => (e.Source, e.Sequence));
        var missing = new List<AuditEntry>();
        foreach (var entry in entries)
        {
            if (!places.TryGetValue((entry.Source, entry.Sequence), out var other))
            {
                places.Add((entry.Source, entry.Sequence), entry);
                missing.Add(entry);
            }
            else if (other.Hash != entry.Hash || other.Body != entry.Body)
            {
                throw new AuditConflictException($"audit chain {entry.Source} holds another entry {entry.Sequence}");
            }
        }

        return missing;
    }

    private static AuditEntry Entry(NpgsqlDataReader r) => new(r.GetString(0), r.GetInt64(1), r.GetString(2), r.GetString(3), []);
}
