using JitGrains.Audit;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Entries that come with no turn: journals'. A batch is one row of <c>audit_segments</c>, in one statement and one round trip.
/// <para>
/// A batch whose commit was not answered is offered again, and the first attempt may commit after the second has begun. So whoever
/// appends takes a lock on the chain, which goes with the transaction, and looks at what is stored only then. Triggers
/// (<see cref="PostgresSchema"/>) take it too, and look whether the place is free: turns, and processes of earlier versions, add to
/// journals without asking here. A key of (source, first number) would not do: a batch may be cut otherwise when it comes again.
/// </para>
/// </summary>
internal sealed partial class PostgresStore
{
    /// <summary>Chains that have segments; no others do, and so turns' rows need not look for any.</summary>
    private const string Journals = "gateway/";

    private const string LockChains = "SELECT pg_advisory_xact_lock(hashtextextended(w.source, 0)) FROM unnest($1::text[]) AS w(source)";

    // Nothing, where what it follows is not the last of a row or of a segment: nearly always it is.
    private static readonly string AppendSegment =
        $"""
        WITH follows AS (SELECT 1 WHERE $2 = 0 OR {IsThere("$1", "$2", "$3")}),
        added AS (
            INSERT INTO audit_segments (source, first_seq, last_seq, hash, from_at, to_at, types, filter, bodies)
            SELECT $1, $2 + 1, $4, $5, $6, $7, $8, $9, $10 FROM follows RETURNING 1),
        held AS (
            INSERT INTO audit_values (digest, value, acted_at)
            SELECT v.digest, v.value, v.acted_at FROM added CROSS JOIN unnest($11::text[], $12::text[], $13::bigint[]) AS v(digest, value, acted_at) ON CONFLICT DO NOTHING)
        SELECT count(*) FROM added
        """;

    private static readonly string CountFollowed =
        $"""
        SELECT count(*) FROM unnest($1::text[], $2::bigint[], $3::text[]) AS w(source, seq, hash) WHERE {IsThere("w.source COLLATE \"C\"", "w.seq", "w.hash")}
        """;

    /// <summary>Whether a chain has this number with this hash, as a row or as the last of a segment.</summary>
    private static string IsThere(string source, string number, string hash) =>
        $"""
        (EXISTS (SELECT 1 FROM audit_entries e WHERE e.source = {source} AND e.seq = {number} AND e.hash = {hash})
            OR EXISTS (
                SELECT 1 FROM (SELECT last_seq, hash FROM audit_segments g WHERE g.source = {source} AND g.first_seq <= {number} ORDER BY g.first_seq DESC LIMIT 1) s
                WHERE s.last_seq = {number} AND s.hash = {hash}))
        """;

    private static List<AuditSegment>? PackJournal(IReadOnlyList<AuditEntry> entries) =>
        entries.Count > 0 && (entries is SealedRun run ? run.Source : entries[0].Source).StartsWith(Journals, StringComparison.Ordinal) ? AuditSegment.TryPack(entries) : null;

    /// <summary>False, and nothing is appended, where a place is taken or what the first follows is not found at once.</summary>
    private async Task<bool> TryAppendAsync(List<AuditSegment> segments, IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken)
    {
        var generation = known.Generation;
        var values = known.Unknown(entries).Values;
        var followed = new AuditLink(segments[0].Source, segments[0].First - 1, AuditLink.OfRun(entries) is [var link] ? link.Hash : "");
        var added = await TryUseAsync(
            async connection =>
            {
                await using var batch = new NpgsqlBatch(connection);
                AddBegin(batch, [followed.Source]);
                foreach (var segment in segments)
                {
                    batch.BatchCommands.Add(PostgresConnections.Statement(
                        AppendSegment,
                        segment.Source, followed.Sequence, followed.Hash, segment.Last, segment.Hash, segment.FromTicks, segment.ToTicks, segment.Types, segment.Filter, segment.Bodies,
                        values.Select(v => v.Digest).ToArray(), values.Select(v => v.Value).ToArray(), values.Select(v => v.ActedAt).ToArray()));
                    followed = new AuditLink(segment.Source, segment.Last, segment.Hash);
                }

                batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
                return await CountAsync(batch, cancellationToken);
            },
            cancellationToken);
        if (added != segments.Count)
            return false;
        known.Add(values, generation);
        return true;
    }

    /// <summary>The same with a row for each entry.</summary>
    private async Task<bool> TryAppendAsync(List<AuditEntry> entries, CancellationToken cancellationToken)
    {
        if (entries.Count == 0)
            return true;
        var links = AuditLink.Of(entries);
        var all = new PostgresWrite(known);
        all.Append(entries);
        var added = await TryUseAsync(
            async connection =>
            {
                await using var batch = new NpgsqlBatch(connection);
                AddBegin(batch, [.. entries.Select(e => e.Source).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]);
                if (links.Count > 0)
                {
                    batch.BatchCommands.Add(PostgresConnections.Statement(
                        CountFollowed, links.Select(l => l.Source).ToArray(), links.Select(l => l.Sequence).ToArray(), links.Select(l => l.Hash).ToArray()));
                    if (await CountAsync(batch, cancellationToken) < links.Count)
                        return 0;
                    batch.BatchCommands.Clear();
                }

                batch.BatchCommands.Add(all.Build());
                batch.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
                await batch.ExecuteNonQueryAsync(cancellationToken);
                return entries.Count;
            },
            cancellationToken);
        if (added == 0)
            return false;
        all.Committed();
        return true;
    }

    private void AddBegin(NpgsqlBatch batch, string[] sources)
    {
        AddBegin(batch);
        batch.BatchCommands.Add(PostgresConnections.Statement(LockChains, (object)sources));
    }

    /// <summary>Zero where a place is taken.</summary>
    private async Task<long> TryUseAsync(Func<NpgsqlConnection, Task<long>> append, CancellationToken cancellationToken)
    {
        try
        {
            return await connections.UseAsync(append, again: false, cancellationToken);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UniqueViolation)
        {
            return 0;
        }
    }

    /// <summary>The sum of what the statements count.</summary>
    private static async Task<long> CountAsync(NpgsqlBatch batch, CancellationToken cancellationToken)
    {
        var sum = 0L;
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        do
        {
            // A pooler's settings and the lock answer first, with other types.
            while (await reader.ReadAsync(cancellationToken))
            {
                if (reader.GetFieldType(0) == typeof(long))
                    sum += reader.GetInt64(0);
            }
        }
        while (await reader.NextResultAsync(cancellationToken));
        return sum;
    }
}
