using System.Globalization;
using System.Text;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// Gathers all that one transaction writes into one statement: what the database does for each statement, it does once. Its
/// parts come in the same order in every transaction, and so do the keys in each, so that no two wait for each other.
/// </summary>
internal sealed class PostgresWrite(KnownKeys known)
{
    private const string Shown = "ON CONFLICT (id) DO UPDATE SET status = excluded.status, doc = excluded.doc";

    private static readonly PostgresTable Outbox = new("outbox", "source_type source_key kind message", "seq");
    private static readonly PostgresTable Entries = new("audit_entries", "source hash body type", "seq at");
    private static readonly PostgresTable Mentions = new("audit_mentions", "mention source", "at seq");
    private static readonly PostgresTable Values = new("audit_values", "digest value", "acted_at", "ON CONFLICT DO NOTHING");
    private static readonly PostgresTable Requests = new("requests", "id status principal action resource caller_key rejoin_key doc", "raised_at", Shown);
    private static readonly PostgresTable Grants = new("grants", "id request_id status principal action caller_key doc", "not_before expires_at", Shown);
    private static readonly PostgresTable Executions = new("executions", "id grant_id request_id caller_key incarnation status doc", "started_at", Shown);
    private static readonly PostgresTable Open = new("open_executions", "id incarnation", "started_at", "ON CONFLICT DO NOTHING");
    private static readonly PostgresTable Callers = new("callers", "principal caller_key", "", "ON CONFLICT DO NOTHING");

    // A registration number of its own, and nobody's claim.
    private static readonly PostgresTable Reminders = new(
        "reminders",
        "type key name",
        "first_due due period",
        """
        ON CONFLICT (type, key, name) DO UPDATE SET
            registration = excluded.registration, first_due = excluded.first_due, due = excluded.due, period = excluded.period, claimed_until = 0
        """);

    private static readonly PostgresTable[] Order = [Outbox, Reminders, Entries, Mentions, Values, Requests, Grants, Executions, Open, Callers];

    private readonly Dictionary<PostgresTable, SortedDictionary<string, PostgresRow>> rows = [];
    private readonly List<(string Sql, object[] Values)> others = [];
    private readonly long generation = known.Generation;
    private readonly List<string> learned = [];
    private SortedDictionary<string, PersonalValue>? unknown;
    private readonly List<(GrainId Grain, long Version, string State)> states = [];
    private readonly List<(GrainId Grain, string Name)> removed = [];
    private readonly List<string> ended = [];
    private int entryCount;

    /// <summary>Whether it takes executions out of the open ones.</summary>
    public bool EndsExecutions => ended.Count > 0;

    /// <summary>A grain's document; fails the transaction where the stored version is another.</summary>
    public void AddState(GrainId grain, long version, string state) => states.Add((grain, version, state));

    /// <summary>A turn's messages: rows to their tables, the others to the outbox.</summary>
    public void Add(GrainId grain, IReadOnlyList<OutboxRecord> records)
    {
        Append([.. records.Select(r => r.Message).OfType<OutboxMessage.Audit>().Select(m => m.Entry)]);
        foreach (var record in records)
        {
            if (record.Message.IsRow)
                AddView(record.Message);
            else
                Put(Outbox, $"{grain} {Key(record.Sequence)}", new([grain.Type, grain.Key, OutboxKinds.Of(record.Message), StoreJson.Print(record.Message)], [record.Sequence]));
        }
    }

    /// <summary>A turn's reminders.</summary>
    public void Add(GrainId grain, IReadOnlyList<ReminderChange> changes)
    {
        foreach (var change in changes)
        {
            if (change.Due is { UtcTicks: var due })
                Put(Reminders, $"{grain} {change.Name}", new([grain.Type, grain.Key, change.Name], [due, due, change.Period.Ticks]));
            else
                removed.Add((grain, change.Name));
        }
    }

    /// <summary>Audit entries; a place that is taken fails the transaction.</summary>
    public void Append(IReadOnlyList<AuditEntry> entries)
    {
        foreach (var entry in entries)
        {
            // By number, so that two for one place are two rows, and refused.
            var place = Key(entryCount++);
            var facts = AuditFacts.Of(entry);
            Put(Entries, place, new([entry.Source, entry.Hash, entry.Body, facts.Type], [entry.Sequence, facts.At.UtcTicks]));
            foreach (var mention in facts.Mentions)
                Put(Mentions, $"{place} {mention}", new([mention, entry.Source], [facts.At.UtcTicks, entry.Sequence]));
        }

        known.AddUnknown(entries, ref unknown);
    }

    /// <summary>The statement.</summary>
    public NpgsqlBatchCommand Build()
    {
        if (unknown is not null)
        {
            foreach (var value in unknown.Values)
                Put(Values, value.Digest, new([value.Digest, value.Value], [value.ActedAt]));
        }

        var sql = new StringBuilder();
        var values = new List<object>();
        var separator = "WITH ";
        var part = 0;
        // What several turns write has other numbers of rows each time, and the database knows a statement by its text.
        var mayWriteOut = states.Count <= 1;
        foreach (var table in Order)
        {
            if (!rows.TryGetValue(table, out var its) || its.Count == 0)
                continue;
            sql.Append(CultureInfo.InvariantCulture, $"{separator}p{part++} AS (");
            table.Print(its.Values, mayWriteOut, sql, values);
            sql.Append(')');
            separator = ", ";
        }

        if (removed.Count > 0)
            others.Add(Removed());
        if (ended.Count > 0)
            others.Add(("DELETE FROM open_executions WHERE id = ANY((SELECT {0}::text[])::text[])", [ended.ToArray()]));
        foreach (var other in others)
        {
            sql.Append(CultureInfo.InvariantCulture, $"{separator}p{part++} AS (");
            Print(other, sql, values);
            sql.Append(')');
            separator = ", ";
        }

        if (states.Count > 0)
        {
            sql.Append(CultureInfo.InvariantCulture, $"{separator}p{part} AS (");
            Print(States(), sql, values);
            values.Add((long)states.Count);
            sql.Append(CultureInfo.InvariantCulture, $") SELECT all_written((SELECT count(*) FROM p{part}), ${values.Count})");
        }
        else
        {
            sql.Append(" SELECT 1");
        }

        return PostgresConnections.Statement(sql.ToString(), [.. values]);
    }

    /// <summary>It was committed.</summary>
    public void Committed()
    {
        known.Add(learned);
        if (unknown is not null)
            known.Add(unknown.Values, generation);
    }

    /// <summary>A status as columns hold it.</summary>
    public static string Word<TStatus>(TStatus status)
        where TStatus : struct, Enum =>
        status.ToString().ToLowerInvariant();

    private (string Sql, object[] Values) States() => states switch
    {
        [var (grain, version, state)] => (
            "UPDATE grains SET version = version + 1, state = {3} WHERE type = {0} AND key = {1} AND version = {2} RETURNING 1",
            [grain.Type, grain.Key, version, state]),
        _ => (
            """
            UPDATE grains g SET version = g.version + 1, state = w.state
            FROM (SELECT {0}::text[] AS types, {1}::text[] AS keys, {2}::bigint[] AS versions, {3}::text[] AS states OFFSET 0) a
            CROSS JOIN LATERAL unnest(a.types, a.keys, a.versions, a.states) AS w(type, key, version, state)
            WHERE g.type = w.type COLLATE "C" AND g.key = w.key COLLATE "C" AND g.version = w.version RETURNING 1
            """,
            [
                states.Select(s => s.Grain.Type).ToArray(), states.Select(s => s.Grain.Key).ToArray(),
                states.Select(s => s.Version).ToArray(), states.Select(s => s.State).ToArray(),
            ]),
    };

    private (string Sql, object[] Values) Removed() => removed switch
    {
        [var (grain, name)] => ("DELETE FROM reminders WHERE type = {0} AND key = {1} AND name = {2}", [grain.Type, grain.Key, name]),
        _ => (
            """
            DELETE FROM reminders r USING unnest({0}::text[], {1}::text[], {2}::text[]) AS w(type, key, name)
            WHERE r.type = w.type COLLATE "C" AND r.key = w.key COLLATE "C" AND r.name = w.name COLLATE "C"
            """,
            [removed.Select(r => r.Grain.Type).ToArray(), removed.Select(r => r.Grain.Key).ToArray(), removed.Select(r => r.Name).ToArray()]),
    };

    private static string Key(long number) => number.ToString("d19", CultureInfo.InvariantCulture);

    private void AddView(OutboxMessage message)
    {
        switch (message)
        {
            case OutboxMessage.ShowRequest { Request: var r }:
                Put(Requests, r.Id, new([r.Id, Word(r.Status), r.Principal.Value, r.Action, r.Resource, r.CallerKey, r.RejoinKey, StoreJson.Print(r)], [r.RaisedAt.UtcTicks]));
                AddCallers([r.Principal, .. r.Actors], r.CallerKey);
                break;
            case OutboxMessage.ShowGrant { Grant: var g }:
                Put(Grants, g.Id, new([g.Id, g.RequestId, Word(g.Status), g.Principal.Value, g.Action, g.CallerKey, StoreJson.Print(g)], [g.NotBefore.UtcTicks, g.ExpiresAt.UtcTicks]));
                AddCallers([g.Principal, .. g.Actors], g.CallerKey);
                break;
            case OutboxMessage.ShowExecution { Execution: var e }:
                Put(
                    Executions,
                    e.Id,
                    new([e.Id, e.GrantId, e.RequestId, e.CallerKey, e.Incarnation, Word(e.Outcome?.Status ?? ExecutionStatus.Started), StoreJson.Print(e)], [e.StartedAt.UtcTicks]));
                AddOpen(e);
                break;
            case OutboxMessage.ShowPolicy { Policy: var p }:
                others.Add((
                    "INSERT INTO policies (sequence, version, files, applied_by, applied_at, reason) VALUES ({0}, {1}, {2}::jsonb, {3}, {4}, {5})",
                    [p.Sequence, p.Version, StoreJson.Print(p.Files), (object?)p.AppliedBy?.Value ?? DBNull.Value, p.AppliedAt.UtcDateTime, (object?)p.Reason ?? DBNull.Value]));
                break;
            case OutboxMessage.Audit:
                break;
            default:
                throw new InvalidOperationException($"{message.GetType().Name} has no table");
        }
    }

    private void AddOpen(ExecutionRecord execution)
    {
        if (execution.Outcome is null or { Status: ExecutionStatus.Started })
        {
            Put(Open, execution.Id, new([execution.Id, execution.Incarnation], [execution.StartedAt.UtcTicks]));
            return;
        }

        // One that began in this very transaction is not there to be deleted.
        if (rows.TryGetValue(Open, out var began))
            began.Remove(execution.Id);
        ended.Add(execution.Id);
    }

    private void AddCallers(ReadOnlySpan<PrincipalId> involved, string callerKey)
    {
        foreach (var principal in involved)
            PutOnce(Callers, $"{principal.Value} {callerKey}", principal.Value, callerKey);
    }

    // What is known to be there is not sent again. The same key twice is the later one's: it was the last to be shown.
    private void PutOnce(PostgresTable table, string key, string first, string second)
    {
        if (known.Contains(key))
            return;
        learned.Add(key);
        Put(table, key, new([first, second], []));
    }

    private void Put(PostgresTable table, string key, PostgresRow row)
    {
        if (!rows.TryGetValue(table, out var its))
            rows.Add(table, its = new SortedDictionary<string, PostgresRow>(StringComparer.Ordinal));
        its[key] = row;
    }

    private static void Print((string Sql, object[] Values) other, StringBuilder sql, List<object> values)
    {
        var first = values.Count;
        values.AddRange(other.Values);
        sql.AppendFormat(CultureInfo.InvariantCulture, other.Sql, [.. other.Values.Select((_, i) => (object)$"${first + i + 1}")]);
    }
}
