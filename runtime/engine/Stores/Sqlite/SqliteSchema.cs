namespace JitGrains.Runtime.Engine;

/// <summary>
/// The tables, as an ordered list of steps; <c>PRAGMA user_version</c> counts those taken. A step that was released is
/// never changed: what comes next is a step of its own. Times are UTC ticks (100 ns).
/// </summary>
internal static class SqliteSchema
{
    private static readonly string[] Steps =
    [
        """
        CREATE TABLE grains (
            type TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL,
            PRIMARY KEY (type, key)) STRICT;

        CREATE TABLE outbox (
            source_type TEXT NOT NULL, source_key TEXT NOT NULL, seq INTEGER NOT NULL, message TEXT NOT NULL,
            PRIMARY KEY (source_type, source_key, seq)) STRICT, WITHOUT ROWID;

        CREATE TABLE reminders (
            registration INTEGER PRIMARY KEY AUTOINCREMENT,
            type TEXT NOT NULL, key TEXT NOT NULL, name TEXT NOT NULL,
            first_due INTEGER NOT NULL, due INTEGER NOT NULL, period INTEGER NOT NULL,
            UNIQUE (type, key, name)) STRICT;
        CREATE INDEX reminders_due ON reminders (due);

        CREATE TABLE audit_entries (
            source TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, body TEXT NOT NULL,
            type TEXT NOT NULL, at INTEGER NOT NULL,
            PRIMARY KEY (source, seq)) STRICT;
        CREATE INDEX audit_entries_at ON audit_entries (at, source, seq);
        CREATE INDEX audit_entries_type ON audit_entries (type, at, source, seq);
        CREATE TRIGGER audit_entries_insert BEFORE INSERT ON audit_entries
            WHEN EXISTS (SELECT 1 FROM audit_entries e
                WHERE e.source = NEW.source AND e.seq = NEW.seq AND (e.hash <> NEW.hash OR e.body <> NEW.body))
            BEGIN SELECT RAISE(ABORT, 'another audit entry is in this place'); END;
        CREATE TRIGGER audit_entries_update BEFORE UPDATE ON audit_entries
            BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
        CREATE TRIGGER audit_entries_delete BEFORE DELETE ON audit_entries
            BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;

        CREATE TABLE audit_mentions (
            mention TEXT NOT NULL, at INTEGER NOT NULL, source TEXT NOT NULL, seq INTEGER NOT NULL,
            PRIMARY KEY (mention, at, source, seq)) STRICT, WITHOUT ROWID;

        CREATE TABLE audit_values (digest TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

        CREATE TABLE requests (
            id TEXT NOT NULL PRIMARY KEY, status TEXT NOT NULL, principal TEXT NOT NULL, action TEXT NOT NULL,
            resource TEXT NOT NULL, caller_key TEXT NOT NULL, rejoin_key TEXT NOT NULL, raised_at INTEGER NOT NULL,
            doc TEXT NOT NULL) STRICT;
        CREATE INDEX requests_time ON requests (raised_at, id);
        CREATE INDEX requests_status ON requests (status, raised_at, id);
        CREATE INDEX requests_principal ON requests (principal, raised_at, id);
        CREATE INDEX requests_caller ON requests (caller_key, raised_at, id);
        CREATE INDEX requests_rejoin ON requests (rejoin_key, raised_at, id);
        CREATE INDEX requests_action_principal ON requests (action, principal, raised_at, id);
        CREATE INDEX requests_action_resource ON requests (action, resource, raised_at, id);

        CREATE TABLE grants (
            id TEXT NOT NULL PRIMARY KEY, request_id TEXT NOT NULL, status TEXT NOT NULL, principal TEXT NOT NULL,
            action TEXT NOT NULL, caller_key TEXT NOT NULL, not_before INTEGER NOT NULL, expires_at INTEGER NOT NULL,
            doc TEXT NOT NULL) STRICT;
        CREATE INDEX grants_time ON grants (not_before, id);
        CREATE INDEX grants_request ON grants (request_id);
        CREATE INDEX grants_status ON grants (status, not_before, id);
        CREATE INDEX grants_principal ON grants (principal, not_before, id);
        CREATE INDEX grants_caller ON grants (caller_key, not_before, id);

        CREATE TABLE executions (
            id TEXT NOT NULL PRIMARY KEY, grant_id TEXT NOT NULL, request_id TEXT NOT NULL, caller_key TEXT NOT NULL,
            incarnation TEXT NOT NULL, status TEXT NOT NULL, started_at INTEGER NOT NULL, doc TEXT NOT NULL) STRICT;
        CREATE INDEX executions_time ON executions (started_at, id);
        CREATE INDEX executions_grant ON executions (grant_id, started_at, id);
        CREATE INDEX executions_request ON executions (request_id, started_at, id);
        CREATE INDEX executions_caller ON executions (caller_key, started_at, id);
        CREATE INDEX executions_open ON executions (started_at, id) WHERE status = 'started';

        CREATE TABLE callers (
            principal TEXT NOT NULL, caller_key TEXT NOT NULL,
            PRIMARY KEY (principal, caller_key)) STRICT, WITHOUT ROWID;

        CREATE TABLE deliveries (
            id TEXT NOT NULL PRIMARY KEY, target TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,
            state TEXT NOT NULL, attempts INTEGER NOT NULL, queued_at INTEGER NOT NULL, next_at INTEGER NOT NULL) STRICT;
        CREATE INDEX deliveries_due ON deliveries (state, next_at, id);

        CREATE TABLE trial (data BLOB NOT NULL) STRICT;
        """,
        """
        CREATE TABLE policies (
            sequence INTEGER PRIMARY KEY, version TEXT NOT NULL, files TEXT NOT NULL,
            applied_by TEXT, applied_at INTEGER NOT NULL, reason TEXT) STRICT;
        """,
        """
        -- A run of entries in one row (AuditSegment). Appended only, and only at a chain's end.
        CREATE TABLE audit_segments (
            source TEXT NOT NULL, first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, hash TEXT NOT NULL,
            from_at INTEGER NOT NULL, to_at INTEGER NOT NULL, types TEXT NOT NULL, filter BLOB NOT NULL, bodies BLOB NOT NULL,
            PRIMARY KEY (source, first_seq)) STRICT;
        CREATE INDEX audit_segments_at ON audit_segments (to_at, source, first_seq);
        CREATE TRIGGER audit_segments_insert BEFORE INSERT ON audit_segments
            WHEN EXISTS (SELECT 1 FROM audit_segments s WHERE s.source = NEW.source AND s.first_seq >= NEW.first_seq)
                OR (SELECT s.last_seq FROM audit_segments s WHERE s.source = NEW.source ORDER BY s.first_seq DESC LIMIT 1) >= NEW.first_seq
                OR EXISTS (SELECT 1 FROM audit_entries e WHERE e.source = NEW.source AND e.seq >= NEW.first_seq)
            BEGIN SELECT RAISE(ABORT, 'another audit entry is in this place'); END;
        CREATE TRIGGER audit_segments_update BEFORE UPDATE ON audit_segments
            BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
        CREATE TRIGGER audit_segments_delete BEFORE DELETE ON audit_segments
            BEGIN SELECT RAISE(ABORT, 'audit entries are append-only'); END;
        CREATE TRIGGER audit_entries_insert_beside_segments BEFORE INSERT ON audit_entries
            WHEN (SELECT s.last_seq FROM audit_segments s WHERE s.source = NEW.source AND s.first_seq <= NEW.seq ORDER BY s.first_seq DESC LIMIT 1) >= NEW.seq
            BEGIN SELECT RAISE(ABORT, 'another audit entry is in this place'); END;
        """,
        """
        -- How long the longest lasts, for a search before a time (SegmentSearch).
        CREATE INDEX audit_segments_length ON audit_segments (to_at - from_at);
        """,
        """
        -- Which values behind digests were erased, and when; acted_at is when a value's person did what its entry tells of, 0 where
        -- the entry only tells of the person. An erased value comes back with its person's doing after that, and with nothing else.
        ALTER TABLE audit_values ADD COLUMN acted_at INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE audit_erased (digest TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TRIGGER audit_values_erased BEFORE INSERT ON audit_values
            WHEN EXISTS (SELECT 1 FROM audit_erased e WHERE e.digest = NEW.digest AND e.at >= NEW.acted_at)
            BEGIN SELECT RAISE(IGNORE); END;
        """,
        """
        -- Nobody looks for executions but by their ids and their request's.
        DROP INDEX executions_time;
        DROP INDEX executions_grant;
        DROP INDEX executions_caller;
        """,
    ];

    /// <summary>How many steps there are.</summary>
    public static int Version => Steps.Length;

    /// <summary>Takes the steps that a database has not had yet, and returns the version it had; refuses one of a later version.</summary>
    public static int Migrate(Db db, string path) => Migrate(db, path, Steps);

    internal static int Migrate(Db db, string path, IReadOnlyList<string> steps)
    {
        var version = db.One("PRAGMA user_version", r => r.GetInt32(0));
        if (version > steps.Count)
        {
            throw new StoreOpenException(
                $"The database {path} has schema version {version}; this program knows versions up to {steps.Count}. Run the version that wrote it, or a later one.");
        }

        for (var next = version; next < steps.Count; next++)
        {
            db.Execute("BEGIN IMMEDIATE");
            try
            {
                db.ExecuteScript(steps[next]);
                db.ExecuteScript($"PRAGMA user_version = {next + 1}");
                db.Execute("COMMIT");
            }
            catch
            {
                db.Execute("ROLLBACK");
                throw;
            }
        }

        return version;
    }
}
