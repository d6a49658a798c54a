using JitGrains.Approvals;
using JitGrains.Outbox;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>What a gateway's login may do and, above all, what it may not: tried with a real login.</summary>
public sealed class PrivilegeTests
{
    private const string AuditInsert = "INSERT INTO audit_entries (source, seq, hash, body, type, at) VALUES ";

    private const string SegmentInsert = "INSERT INTO audit_segments (source, first_seq, last_seq, hash, from_at, to_at, types, filter, bodies) VALUES ";

    [Fact]
    public async Task A_gateway_writes_what_its_own_grains_write()
    {
        var (silo, gateway, _) = await StartAsync();
        await using var owner = silo;
        await using var engine = gateway;
        foreach (var type in (string[])["principal", "gateway", "gateway_directory"])
        {
            for (var round = 0; round < 2; round++)
            {
                await using var session = await engine.Store.BeginTurnAsync(new GrainId(type, "one"), readOnly: false, default);
                await session.CommitAsync(new GrainWrite(
                    $$"""{"round":{{round}}}""",
                    [
                        new OutboxRecord((10 * round) + 1, Samples.Audit(type == "principal" ? "principal/pd_one" : type == "gateway" ? "gateway_lease/gw_1" : "gateway_directory", round + 1)),
                        new OutboxRecord((10 * round) + 2, new OutboxMessage.ShowGrant(Samples.Grant($"gr_{type}", "rq_1"))),
                        new OutboxRecord((10 * round) + 3, new OutboxMessage.ShowExecution(Samples.Execution($"ex_{type}_{round}", $"gr_{type}", "rq_1"))),
                        new OutboxRecord((10 * round) + 4, Samples.Command(1)),
                    ],
                    round == 0 ? [new ReminderChange("due", Samples.T0, TimeSpan.FromMinutes(1))] : [new ReminderChange("due", null, TimeSpan.Zero)]));
            }

            Assert.Equal(2, (await silo.Store.ReadOutboxAsync(new GrainId(type, "one"), 10, default)).Count);
        }

        await engine.Audit.AppendAsync([Samples.Entry("gateway/gw_1", 1, data: [("principal", "pd_alice")])]);
        await engine.Audit.AppendAsync([Samples.Entry("gateway/gw_1", 1, data: [("principal", "pd_alice")]), Samples.Entry("gateway/gw_1", 2)]);
        Assert.Equal(2, (await engine.Audit.GetHeadAsync("gateway/gw_1")).Sequence);
        var run = AuditSegmentTests.Chain("gateway/gw_2", 50);
        await engine.Audit.AppendAsync(run[..30]);
        await engine.Audit.AppendAsync(run);
        Assert.Equal(1L, await Database.RunAsync(silo.Database!, "SELECT count(*) FROM audit_segments"));
        Assert.Equal(run.Select(e => e.Body), await engine.Audit.ReadChainAsync("gateway/gw_2").Select(e => e.Body).ToListAsync());
        await using var reading = await engine.Store.BeginTurnAsync(new GrainId("restrictions", "all"), readOnly: true, default);
        Assert.NotNull(reading.State);
        Assert.NotNull(await engine.Views.GetRequestAsync("rq_1"));
        Assert.Equal(StoreHealth.Good, await engine.Get<IStoreHealth>().CheckAsync());
    }

    [Fact]
    public async Task A_gateway_gets_no_further()
    {
        var (silo, gateway, login) = await StartAsync();
        await using var owner = silo;
        await using var engine = gateway;
        foreach (var type in (string[])["request", "restrictions", "system_chain", "policy", "sessions"])
        {
            await AssertRefusedAsync(async () =>
            {
                await using var session = await engine.Store.BeginTurnAsync(new GrainId(type, "new"), readOnly: false, default);
                await session.CommitAsync(new GrainWrite("{}", [], []));
            });
        }

        OutboxMessage[] forbidden =
        [
            new OutboxMessage.Audit(Samples.Entry("request/rq_1", 2)),
            new OutboxMessage.Audit(Samples.Entry("system", 2)),
            new OutboxMessage.Audit(Samples.Entry("restrictions", 2)),
            new OutboxMessage.Audit(Samples.Entry("gatewayx", 1)),
            new OutboxMessage.ShowRequest(Samples.Request("rq_1", RequestStatus.Approved)),
            new OutboxMessage.ShowRequest(Samples.Request("rq_2")),
            new OutboxMessage.IssueGrant(Sample.Grant()),
            new OutboxMessage.CloseRequest("x", new JitGrains.Principals.RequestClosed("rq_1", RequestStatus.Denied, "a", "r", null)),
        ];
        foreach (var message in forbidden)
        {
            await AssertRefusedAsync(async () =>
            {
                await using var session = await engine.Store.BeginTurnAsync(new GrainId("principal", "two"), readOnly: false, default);
                await session.CommitAsync(new GrainWrite("{}", [new OutboxRecord(1, message)], []));
            });
        }

        string[] statements =
        [
            "INSERT INTO outbox (source_type, source_key, seq, kind, message) VALUES ('request', 'rq_1', 1, 'raise_request', '{}')",
            "INSERT INTO reminders (type, key, name, first_due, due, period) VALUES ('request', 'rq_1', 'due', 1, 1, 1)",
            $"{AuditInsert} ('request/rq_1', 9, 'h', '{{}}', 'vote.cast', 1)",
            $"{SegmentInsert} ('request/rq_1', 9, 19, 'h', 1, 1, ',vote.cast,', '', '')", $"{SegmentInsert} ('principal/pd_one', 9, 19, 'h', 1, 1, ',vote.cast,', '', '')",
            "SELECT message FROM outbox", "DELETE FROM outbox", "UPDATE outbox SET kind = 'issue_grant'",
            "UPDATE audit_entries SET body = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries", "DELETE FROM audit_mentions",
            "UPDATE audit_segments SET hash = 'x'", "DELETE FROM audit_segments", "TRUNCATE audit_segments",
            "SELECT value FROM audit_values", "UPDATE audit_values SET value = 'x'", "DELETE FROM audit_values",
            "SELECT digest FROM audit_erased", "INSERT INTO audit_erased VALUES ('pd_x', 1)", "UPDATE audit_erased SET at = 0", "DELETE FROM audit_erased",
            "UPDATE requests SET status = 'approved'", "DELETE FROM requests", "DELETE FROM grants", "DELETE FROM grains", "DELETE FROM executions",
            "INSERT INTO policies VALUES (1, 'v', '[]', 'gateway', now(), 'because')", "UPDATE policies SET files = '[]'", "DELETE FROM policies",
            "INSERT INTO cluster_keys (name, audience, value) VALUES ('k', 'all', '')", "UPDATE cluster_keys SET audience = 'all'", "DELETE FROM cluster_keys",
            "SELECT id FROM deliveries", "INSERT INTO deliveries VALUES ('a', 'b', 'c', 'd', 'pending', 0, 0, 0)",
            "UPDATE store_epoch SET number = 0", "DELETE FROM store_epoch", "UPDATE schema_version SET version = 9",
            "CREATE TABLE mine (n int)", "ALTER TABLE grains DISABLE ROW LEVEL SECURITY", "SET ROLE jitgrains_silo", "CREATE ROLE another",
            "CREATE OR REPLACE FUNCTION write_grain(a text, b text, c bigint, d text) RETURNS void LANGUAGE sql AS ''",
            "DROP TRIGGER audit_entries_append_only ON audit_entries",
        ];
        foreach (var statement in statements)
            await AssertRefusedAsync(() => Database.RunAsync(login, statement), statement);

        // Rows of others are not there for it.
        Assert.Equal(0L, await Database.RunAsync(login, "SELECT count(*) FROM cluster_keys WHERE audience = 'silo'"));
        Assert.Equal(1L, await Database.RunAsync(login, "SELECT count(*) FROM cluster_keys"));
        Assert.Equal(0L, await Database.RunAsync(login, "SELECT count(*) FROM audit_entries WHERE source LIKE 'request/%'"));
        // No other chains have segments; should they one day, they are none of its business either.
        await Database.RunAsync(silo.Database!, $"ALTER TABLE audit_segments DROP CONSTRAINT audit_segments_source_check; {SegmentInsert} ('request/rq_1', 9, 19, 'h', 1, 1, '', '', '')");
        Assert.Equal(0L, await Database.RunAsync(login, "SELECT count(*) FROM audit_segments"));
        await AssertRefusedAsync(() => Database.RunAsync(login, $"{SegmentInsert} ('request/rq_2', 9, 19, 'h', 1, 1, '', '', '')"));
        Assert.Equal(0L, await Database.RunAsync(login, "SELECT count(*) FROM grains WHERE type IN ('system_chain', 'sessions')"));
        Assert.Equal(0L, await Database.RunAsync(login, "WITH gone AS (UPDATE grains SET state = 'x' WHERE type = 'request' RETURNING 1) SELECT count(*) FROM gone"));
        Assert.Equal(0L, await Database.RunAsync(login, "WITH gone AS (DELETE FROM reminders WHERE type = 'request' RETURNING 1) SELECT count(*) FROM gone"));
    }

    [Fact]
    public async Task Nobody_changes_the_audit_trail_not_even_its_owner()
    {
        var (silo, gateway, _) = await StartAsync();
        await using var owner = silo;
        await using var engine = gateway;
        foreach (var statement in (string[])["UPDATE audit_entries SET body = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries", "DELETE FROM audit_mentions",
            "UPDATE audit_segments SET hash = 'x'", "DELETE FROM audit_segments", "TRUNCATE audit_segments"])
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => Database.RunAsync(silo.Database!, statement));
            Assert.Contains("append-only", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_message_that_is_not_of_its_rows_kind_is_not_delivered()
    {
        var (silo, gateway, login) = await StartAsync();
        await using var owner = silo;
        await using var engine = gateway;
        var forged = StoreJson.Print<OutboxMessage>(new OutboxMessage.IssueGrant(Sample.Grant())).Replace("'", "''", StringComparison.Ordinal);
        await Database.RunAsync(login, $"INSERT INTO outbox (source_type, source_key, seq, kind, message) VALUES ('principal', 'x', 1, 'raise_request', '{forged}')");
        await Assert.ThrowsAsync<InvalidOperationException>(() => silo.Store.ReadOutboxAsync(new GrainId("principal", "x"), 10, default));
        await Assert.ThrowsAsync<InvalidOperationException>(() => silo.Store.ClaimOutboxAsync(new GrainId("principal", "x"), 10, wait: true, default));
    }

    [Fact]
    public async Task A_silos_login_does_all_that_a_silo_does_and_no_more()
    {
        var server = await PostgresServer.SharedAsync();
        var database = await server.CreateDatabaseAsync();
        await using (var owner = EngineHarness.Create("postgres", database: database))
            await owner.Tally("one").Add(1);
        var login = await server.CreateLoginAsync(database, "jitgrains_silo");
        await using var silo = await EngineHarness.StartAsync("postgres", database: login);
        await silo.Tally("one").Send(1, Samples.Command(1), Samples.Audit("request/rq_1", 1), new OutboxMessage.ShowRequest(Samples.Request("rq_1")));
        await silo.Pump.WhenIdleAsync().WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Single(silo.Delivered);
        await silo.Tally("one").Remind("due", TimeSpan.Zero, TimeSpan.FromHours(1), withState: true);
        await silo.Get<IDeliveryQueue>().EnqueueAsync(new NewDelivery("a", "b", "c", "d"));
        Assert.Single(await silo.Get<IDeliveryQueue>().ClaimDueAsync(silo.Time.GetUtcNow(), TimeSpan.FromMinutes(1), 10));
        await silo.Get<IPersonalValues>().EraseAsync(["pd_alice"], Samples.T0);
        foreach (var statement in (string[])["UPDATE audit_entries SET body = 'x'", "UPDATE audit_segments SET hash = 'x'", "DELETE FROM audit_segments", "UPDATE audit_values SET value = 'x'", "DELETE FROM audit_erased", "UPDATE policies SET files = '[]'", "UPDATE cluster_keys SET value = ''", "DROP TABLE grains"])
            await AssertRefusedAsync(() => Database.RunAsync(login, statement), statement);
    }

    /// <summary>A database with something of everything in it, its owner's engine, a gateway's engine and that one's login.</summary>
    private static async Task<(EngineHarness Silo, EngineHarness Gateway, string Login)> StartAsync()
    {
        var server = await PostgresServer.SharedAsync();
        var silo = EngineHarness.Create("postgres");
        foreach (var (type, key) in ((string, string)[])[("request", "rq_1"), ("restrictions", "all"), ("system_chain", "system"), ("sessions", "dev:user:bob")])
        {
            await using var session = await silo.Store.BeginTurnAsync(new GrainId(type, key), readOnly: false, default);
            await session.CommitAsync(new GrainWrite("{}", [], [new ReminderChange("due", Samples.T0, TimeSpan.FromMinutes(1))]));
        }

        await silo.Tally("one").Send(1, Samples.Audit("request/rq_1", 1), Samples.Audit("system", 1), new OutboxMessage.ShowRequest(Samples.Request("rq_1")), Samples.Command(1));
        await Database.RunAsync(silo.Database!, "INSERT INTO cluster_keys (name, audience, value) VALUES ('signing', 'silo', 'x'), ('public', 'all', 'x')");
        var login = await server.CreateLoginAsync(silo.Database!, "jitgrains_gateway");
        var gateway = EngineHarness.Create("postgres", database: login, configure: o => (o.RunsOutbox, o.RunsReminders) = (false, false));
        return (silo, gateway, login);
    }

    private static async Task AssertRefusedAsync(Func<Task> attempt, string? what = null)
    {
        var e = await Record.ExceptionAsync(attempt);
        Assert.True(e is PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege }, $"{what}: {e?.ToString() ?? "it was done"}");
    }
}
