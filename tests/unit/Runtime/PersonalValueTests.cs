using JitGrains.Audit;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Runtime;

/// <summary>Erased values on every store: what takes them in again and what does not.</summary>
public sealed class PersonalValueTests
{
    private static readonly AuditSealer Sealer = new(new SecretKey(new byte[32]));
    private static readonly string Alice = Sealer.PersonalDigest("dev:user:alice");

    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_person_is_found_alone_and_among_others_and_nobody_else(string store)
    {
        await using var engine = EngineHarness.Create(store);
        string[] values = ["dev:user:alice", "dev:user:alice^dev:agent:bot", "dev:agent:bot^dev:user:alice", "a^dev:user:alice^b", "dev:user:alice2", "xdev:user:alice", "dev:user:bob", "dev:user:alice%"];
        await engine.Audit.AppendAsync([Entry("one", 1, ChainHead.Empty, Samples.T0, AuditTypes.CallForwarded, [.. values.Select((v, i) => new AuditField($"f{i}", v, Personal: true))])]);
        Assert.Equal(values[..4].Select(Sealer.PersonalDigest).Order(StringComparer.Ordinal), await engine.Get<IPersonalValues>().FindAsync("dev:user:alice"));
        Assert.Empty(await engine.Get<IPersonalValues>().FindAsync("dev:user:nobody"));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task What_is_erased_comes_back_with_its_persons_doing_after_that_and_with_nothing_else(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var chain = new Writer(engine);
        await chain.Add(AuditTypes.CallForwarded, Samples.T0, batch: 1);
        await chain.Add(AuditTypes.CallForwarded, Samples.T0, batch: 8);
        Assert.Equal("dev:user:alice", await HeldAsync(engine));

        var at = Samples.T0.AddMinutes(1);
        await engine.Get<IPersonalValues>().EraseAsync([Alice], at);
        Assert.Null(await HeldAsync(engine));

        // What others do, what time does, and what was on its way: alone and in journals' batches.
        foreach (var batch in (int[])[1, 8])
        {
            await chain.Add(AuditTypes.GrantExpired, at.AddMinutes(5), batch);
            await chain.Add(AuditTypes.PrincipalBlocked, at.AddMinutes(5), batch);
            await chain.Add(AuditTypes.CallForwarded, at.AddSeconds(-1), batch);
            await chain.Add(AuditTypes.CallForwarded, at, batch);
            Assert.Null(await HeldAsync(engine));
        }

        // The person comes again, also where this process has seen the value before.
        await chain.Add(AuditTypes.CallForwarded, at.AddTicks(10), batch: 8);
        Assert.Equal("dev:user:alice", await HeldAsync(engine));

        // The same erasure, delivered again, is not another one; a later one is.
        await engine.Get<IPersonalValues>().EraseAsync([Alice], at);
        Assert.Equal("dev:user:alice", await HeldAsync(engine));
        await engine.Get<IPersonalValues>().EraseAsync([Alice, Sealer.PersonalDigest("nobody")], at.AddMinutes(2));
        Assert.Null(await HeldAsync(engine));
        await chain.Add(AuditTypes.VoteCast, at.AddMinutes(3), batch: 1);
        Assert.Equal("dev:user:alice", await HeldAsync(engine));

        var check = new AuditChain("gateway/gw_1");
        await foreach (var entry in engine.Audit.ReadChainAsync("gateway/gw_1"))
            Assert.Null(check.Next(new StoredEntry(entry.Source, entry.Sequence, entry.Hash, entry.Body)));
        Assert.Equal(chain.Head, check.Head);
    }

    [Fact]
    public async Task Another_process_that_knew_the_value_writes_it_again_once_it_was_told()
    {
        await using var silo = EngineHarness.Create("postgres");
        var gateway = EngineHarness.Create("postgres", database: await (await PostgresServer.SharedAsync()).CreateLoginAsync(silo.Database!, "jitgrains_gateway"), configure: o => (o.RunsOutbox, o.RunsReminders) = (false, false));
        await using var other = gateway;
        await silo.Tally("one").Add(1);
        var chain = new Writer(gateway);
        await chain.Add(AuditTypes.CallForwarded, Samples.T0, batch: 3);
        var at = Samples.T0.AddMinutes(1);
        await silo.Get<IPersonalValues>().EraseAsync([Alice], at);
        gateway.Get<IPersonalValues>().Forget(Alice, at);

        // It takes nothing for held that the database did not take in.
        await chain.Add(AuditTypes.CallForwarded, at, batch: 3);
        Assert.Null(await HeldAsync(silo));
        await chain.Add(AuditTypes.CallForwarded, at.AddSeconds(1), batch: 3);
        Assert.Equal("dev:user:alice", await HeldAsync(silo));
    }

    [Fact]
    public async Task An_erasure_waits_for_whoever_is_just_adding_the_value()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Tally("one").Add(1);
        await using var connection = new Npgsql.NpgsqlConnection(engine.Database);
        await connection.OpenAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await using var add = new Npgsql.NpgsqlCommand($"INSERT INTO audit_values (digest, value, acted_at) VALUES ('{Alice}', 'dev:user:alice', 1)", connection, transaction);
        await add.ExecuteNonQueryAsync();
        var erasing = engine.Get<IPersonalValues>().EraseAsync([Alice], Samples.T0);
        while (await Postgres.Database.RunAsync(engine.Database!, "SELECT count(*) FROM pg_locks WHERE NOT granted") is 0L)
            await Task.Yield();
        await transaction.CommitAsync();
        await erasing;
        Assert.Null(await HeldAsync(engine));
    }

    private static async Task<string?> HeldAsync(EngineHarness engine) => (await engine.Audit.ResolveAsync([Alice])).GetValueOrDefault(Alice);

    private static AuditEntry Entry(string source, long sequence, ChainHead head, DateTimeOffset at, string type, params AuditField[] fields) =>
        Sealer.Seal(source, head with { Sequence = sequence - 1 }, at, new AuditDraft(type, [.. fields]));

    /// <summary>A journal's chain.</summary>
    private sealed class Writer(EngineHarness engine)
    {
        public ChainHead Head { get; private set; } = ChainHead.Empty;

        /// <summary>So many entries of a type that name alice, in one write.</summary>
        public async Task Add(string type, DateTimeOffset at, int batch)
        {
            var entries = new List<AuditEntry>();
            for (var i = 0; i < batch; i++)
            {
                var entry = Sealer.Seal("gateway/gw_1", Head, at, new AuditDraft(type, [new AuditField(type == AuditTypes.VoteCast ? "approver" : "principal", "dev:user:alice", Personal: true)]));
                Head = new ChainHead(entry.Sequence, entry.Hash);
                entries.Add(entry);
            }

            await engine.Audit.AppendAsync(entries);
        }
    }
}
