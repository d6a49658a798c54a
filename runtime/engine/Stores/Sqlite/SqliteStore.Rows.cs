using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using Microsoft.Data.Sqlite;

namespace JitGrains.Runtime.Engine;

internal sealed partial class SqliteStore
{
    private static void ApplyRow(Db db, OutboxMessage message)
    {
        switch (message)
        {
            case OutboxMessage.Audit { Entry: var entry }:
                Append(db, entry);
                break;
            case OutboxMessage.ShowRequest { Request: var r }:
                db.Execute(
                    """
                    INSERT INTO requests (id, status, principal, action, resource, caller_key, rejoin_key, raised_at, doc)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                    ON CONFLICT (id) DO UPDATE SET status = excluded.status, doc = excluded.doc
                    """,
                    r.Id, Word(r.Status), r.Principal.Value, r.Action, r.Resource, r.CallerKey, r.RejoinKey, r.RaisedAt.UtcTicks, StoreJson.Print(r));
                AddCaller(db, [r.Principal, .. r.Actors], r.CallerKey);
                break;
            case OutboxMessage.ShowGrant { Grant: var g }:
                db.Execute(
                    """
                    INSERT INTO grants (id, request_id, status, principal, action, caller_key, not_before, expires_at, doc)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                    ON CONFLICT (id) DO UPDATE SET status = excluded.status, doc = excluded.doc
                    """,
                    g.Id, g.RequestId, Word(g.Status), g.Principal.Value, g.Action, g.CallerKey, g.NotBefore.UtcTicks, g.ExpiresAt.UtcTicks, StoreJson.Print(g));
                AddCaller(db, [g.Principal, .. g.Actors], g.CallerKey);
                break;
            case OutboxMessage.ShowExecution { Execution: var e }:
                db.Execute(
                    """
                    INSERT INTO executions (id, grant_id, request_id, caller_key, incarnation, status, started_at, doc)
                    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                    ON CONFLICT (id) DO UPDATE SET status = excluded.status, doc = excluded.doc
                    """,
                    e.Id, e.GrantId, e.RequestId, e.CallerKey, e.Incarnation, Word(e.Outcome?.Status ?? ExecutionStatus.Started), e.StartedAt.UtcTicks, StoreJson.Print(e));
                break;
            case OutboxMessage.ShowPolicy { Policy: var p }:
                db.Execute(
                    "INSERT INTO policies (sequence, version, files, applied_by, applied_at, reason) VALUES ($1, $2, $3, $4, $5, $6)",
                    p.Sequence, p.Version, StoreJson.Print(p.Files), p.AppliedBy?.Value, p.AppliedAt.UtcTicks, p.Reason);
                break;
            default:
                throw new InvalidOperationException($"{message.GetType().Name} has no table");
        }
    }

    private static void Append(Db db, AuditEntry entry)
    {
        var facts = AuditFacts.Of(entry);
        int added;
        try
        {
            added = db.Execute(
                "INSERT INTO audit_entries (source, seq, hash, body, type, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                entry.Source, entry.Sequence, entry.Hash, entry.Body, facts.Type, facts.At.UtcTicks);
        }
        catch (SqliteException e) when (e.SqliteExtendedErrorCode == SQLitePCL.raw.SQLITE_CONSTRAINT_TRIGGER)
        {
            throw new AuditConflictException($"audit chain {entry.Source} holds another entry {entry.Sequence}", e);
        }

        if (added == 0)
            return;
        foreach (var mention in facts.Mentions)
        {
            db.Execute(
                "INSERT INTO audit_mentions (mention, at, source, seq) VALUES ($1, $2, $3, $4)", mention, facts.At.UtcTicks, entry.Source, entry.Sequence);
        }

        foreach (var value in entry.Values)
            Add(db, value);
    }

    private static void Add(Db db, PersonalValue value) =>
        db.Execute("INSERT INTO audit_values (digest, value, acted_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", value.Digest, value.Value, value.ActedAt);

    private static void AddCaller(Db db, ReadOnlySpan<PrincipalId> involved, string callerKey)
    {
        foreach (var principal in involved)
            db.Execute("INSERT INTO callers (principal, caller_key) VALUES ($1, $2) ON CONFLICT DO NOTHING", principal.Value, callerKey);
    }

    /// <summary>A status as columns hold it.</summary>
    private static string Word<TStatus>(TStatus status)
        where TStatus : struct, Enum =>
        status.ToString().ToLowerInvariant();
}
