using System.Globalization;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Turns row messages into statements: one for each table, however many rows. The same order of tables and of keys in
/// every transaction, so that no two wait for each other.
/// </summary>
internal sealed class PostgresRows(NpgsqlBatch batch)
{
    private readonly SortedSet<(string Principal, string CallerKey)> callers = [];

    public void Add(IReadOnlyList<OutboxRecord> records)
    {
        Append([.. records.Select(r => r.Message).OfType<OutboxMessage.Audit>().Select(m => m.Entry)]);
        foreach (var record in records)
            AddView(record.Message);
        if (callers.Count == 0)
            return;
        Add(
            "INSERT INTO callers (principal, caller_key) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
            callers.Select(c => c.Principal).ToArray(),
            callers.Select(c => c.CallerKey).ToArray());
    }

    /// <summary>Appends audit entries; a place that is taken fails the transaction.</summary>
    public void Append(IReadOnlyList<AuditEntry> entries)
    {
        if (entries.Count == 0)
            return;
        var facts = entries.Select(AuditFacts.Of).ToArray();
        Add(
            """
            INSERT INTO audit_entries (source, seq, hash, body, type, at)
            SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[])
            """,
            entries.Select(e => e.Source).ToArray(),
            entries.Select(e => e.Sequence).ToArray(),
            entries.Select(e => e.Hash).ToArray(),
            entries.Select(e => e.Body).ToArray(),
            facts.Select(f => f.Type).ToArray(),
            facts.Select(f => f.At.UtcTicks).ToArray());

        var mentions = entries.Zip(facts).SelectMany(pair => pair.Second.Mentions, (pair, mention) => (mention, pair.First, pair.Second)).ToArray();
        if (mentions.Length > 0)
        {
            Add(
                "INSERT INTO audit_mentions (mention, at, source, seq) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[])",
                mentions.Select(m => m.mention).ToArray(),
                mentions.Select(m => m.Second.At.UtcTicks).ToArray(),
                mentions.Select(m => m.First.Source).ToArray(),
                mentions.Select(m => m.First.Sequence).ToArray());
        }

        var values = entries.SelectMany(e => e.Values).DistinctBy(v => v.Digest, StringComparer.Ordinal).OrderBy(v => v.Digest, StringComparer.Ordinal).ToArray();
        if (values.Length > 0)
        {
            Add(
                "INSERT INTO audit_values (digest, value) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING",
                values.Select(v => v.Digest).ToArray(),
                values.Select(v => v.Value).ToArray());
        }
    }

    /// <summary>A status as columns hold it.</summary>
    public static string Word<TStatus>(TStatus status)
        where TStatus : struct, Enum =>
        status.ToString().ToLower(CultureInfo.InvariantCulture);

    private void AddView(OutboxMessage message)
    {
        switch (message)
        {
            case OutboxMessage.ShowRequest { Request: var r }:
                Add(
                    """
                    INSERT INTO requests (id, status, principal, action, resource, caller_key, rejoin_key, raised_at, doc)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                    ON CONFLICT (id) DO UPDATE SET status = excluded.status, doc = excluded.doc
                    """,
                    r.Id, Word(r.Status), r.Principal.Value, r.Action, r.Resource, r.CallerKey, r.RejoinKey, r.RaisedAt.UtcTicks, StoreJson.Print(r));
                AddCallers([r.Principal, .. r.Actors], r.CallerKey);
                break;
            case OutboxMessage.ShowGrant { Grant: var g }:
                Add(
                    """
                    INSERT INTO grants (id, request_id, status, principal, action, caller_key, not_before, expires_at, doc)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                    ON CONFLICT (id) DO UPDATE SET status = excluded.status, doc = excluded.doc
                    """,
                    g.Id, g.RequestId, Word(g.Status), g.Principal.Value, g.Action, g.CallerKey, g.NotBefore.UtcTicks, g.ExpiresAt.UtcTicks, StoreJson.Print(g));
                AddCallers([g.Principal, .. g.Actors], g.CallerKey);
                break;
            case OutboxMessage.ShowExecution { Execution: var e }:
                Add(
                    """
                    INSERT INTO executions (id, grant_id, request_id, caller_key, incarnation, status, started_at, doc)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                    ON CONFLICT (id) DO UPDATE SET status = excluded.status, doc = excluded.doc
                    """,
                    e.Id, e.GrantId, e.RequestId, e.CallerKey, e.Incarnation, Word(e.Outcome?.Status ?? ExecutionStatus.Started), e.StartedAt.UtcTicks, StoreJson.Print(e));
                break;
            case OutboxMessage.ShowPolicy { Policy: var p }:
                Add(
                    "INSERT INTO policies (sequence, version, files, applied_by, applied_at, reason) VALUES ($1, $2, $3::jsonb, $4, $5, $6)",
                    p.Sequence, p.Version, StoreJson.Print(p.Files), (object?)p.AppliedBy?.Value ?? DBNull.Value, p.AppliedAt.UtcDateTime, (object?)p.Reason ?? DBNull.Value);
                break;
            case OutboxMessage.Audit:
                break;
            default:
                if (message.IsRow)
                    throw new InvalidOperationException($"{message.GetType().Name} has no table");
                break;
        }
    }

    private void AddCallers(ReadOnlySpan<PrincipalId> involved, string callerKey)
    {
        foreach (var principal in involved)
            callers.Add((principal.Value, callerKey));
    }

    private void Add(string sql, params ReadOnlySpan<object> parameters) => batch.BatchCommands.Add(PostgresConnections.Statement(sql, parameters));
}
