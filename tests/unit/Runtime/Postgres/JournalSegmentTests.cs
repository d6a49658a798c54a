using JitGrains.Audit;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Audit;
using JitGrains.TestSupport;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace JitGrains.UnitTests.Runtime.Postgres;

/// <summary>A journal's batches as rows that other processes, and lost answers, may be writing at the same time.</summary>
public sealed class JournalSegmentTests
{
    private const string Source = "gateway/gw_1";

    private static readonly List<AuditEntry> Chain = AuditSegmentTests.Chain(Source, 300);

    [Fact]
    public async Task Entries_of_earlier_versions_keep_their_rows_and_their_chain_goes_on_in_segments()
    {
        var database = await (await PostgresServer.SharedAsync()).CreateDatabaseAsync();
        await PostgresMigration.RunAsync(database, PostgresSchema.Steps[..3], privileges: "SELECT 1", NullLogger.Instance, CancellationToken.None);
        foreach (var entry in Chain[..150])
            await Database.RunAsync(database, Row(entry));

        await using var engine = EngineHarness.Create("postgres", database: database);
        await engine.Audit.AppendAsync(Chain[150..250]);
        // An older process that still runs.
        foreach (var entry in Chain[250..260])
            await Database.RunAsync(database, Row(entry));
        await engine.Audit.AppendAsync(Chain[260..]);
        // Offered again from where there were rows, through segments and rows: all of it is there.
        await engine.Audit.AppendAsync(Chain[100..280]);

        Assert.Equal("2 160", await Database.RunAsync(database, "SELECT (SELECT count(*) FROM audit_segments) || ' ' || (SELECT count(*) FROM audit_entries)"));
        await AssertWholeAsync(engine, 300);
        var found = await Samples.AllPagesAsync(c => engine.Audit.QueryAsync(new AuditFilter { Source = Source, Type = AuditTypes.CallDenied }, c, 13));
        Assert.Equal(Chain.Count(e => AuditFacts.Of(e).Type == AuditTypes.CallDenied), found.Count);
    }

    [Theory]
    [InlineData(100, 200, true)]
    [InlineData(50, 200, true)]
    [InlineData(150, 200, true)]
    [InlineData(100, 300, true)]
    [InlineData(199, 200, true)]
    [InlineData(100, 200, false)]
    [InlineData(150, 300, false)]
    public async Task A_batch_whose_answer_was_lost_is_waited_for_however_it_is_cut_when_it_comes_again(int from, int to, bool asSegment)
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Audit.AppendAsync(Chain[..100]);
        // The first attempt is in the database and not committed: whoever looks finds nothing.
        await using var lost = new NpgsqlConnection(engine.Database);
        await lost.OpenAsync();
        var transaction = await lost.BeginTransactionAsync();
        if (asSegment)
            await InsertAsync(lost, AuditSegment.TryPack([.. Chain[100..200]])!.Single());
        else
            await Database.RunAsync(lost, string.Join(";", Chain[100..200].Select(Row)));
        var again = Task.Run(() => engine.Audit.AppendAsync(Chain[from..to]));
        while (!await Database.IsAnyoneWaitingAsync(engine.Database!))
            Assert.False(again.IsFaulted, again.Exception?.ToString());
        await transaction.CommitAsync();
        await again;
        await AssertWholeAsync(engine, to);
    }

    [Fact]
    public async Task A_batch_that_was_rolled_back_is_written_by_the_next_attempt()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Audit.AppendAsync(Chain[..100]);
        await using var lost = new NpgsqlConnection(engine.Database);
        await lost.OpenAsync();
        var transaction = await lost.BeginTransactionAsync();
        await InsertAsync(lost, AuditSegment.TryPack([.. Chain[100..200]])!.Single());
        var again = Task.Run(() => engine.Audit.AppendAsync(Chain[100..150]));
        while (!await Database.IsAnyoneWaitingAsync(engine.Database!))
            Assert.False(again.IsFaulted, again.Exception?.ToString());
        await transaction.RollbackAsync();
        await again;
        Assert.Equal(2L, await Database.RunAsync(engine.Database!, "SELECT count(*) FROM audit_segments"));
        await AssertWholeAsync(engine, 150);
    }

    [Fact]
    public async Task Many_writers_of_one_chain_store_each_entry_once()
    {
        await using var one = EngineHarness.Create("postgres");
        await using var two = EngineHarness.Create("postgres", database: one.Database, configure: o => o.DatabaseBehindPooler = true);
        EngineHarness[] engines = [one, two];
        var random = new Random(11);
        for (var round = 0; round < 60; round++)
        {
            var chain = AuditSegmentTests.Chain($"gateway/race_{round}", 60);
            var attempts = Enumerable.Range(0, 6).Select(_ =>
            {
                var from = random.Next(4) == 0 ? random.Next(3) : 0;
                var to = random.Next(from + 1, 61);
                return (From: from, To: to, Engine: engines[random.Next(2)]);
            }).ToArray();
            await Task.WhenAll(attempts.Select(a => Task.Run(async () =>
            {
                // As a gateway does: again, until it is stored. What comes before may not be there yet, or be on its way.
                while (await Record.ExceptionAsync(() => a.Engine.Audit.AppendAsync(chain[a.From..a.To])) is { } e)
                {
                    Assert.True(e is StoreUnavailableException or AuditGapException, e.ToString());
                    if (e is AuditGapException)
                        await a.Engine.Audit.AppendAsync(chain[..a.From]);
                }
            })));
            var stored = await one.Audit.ReadChainAsync($"gateway/race_{round}").ToListAsync();
            Assert.Equal(chain[..attempts.Max(a => a.To)].Select(e => (e.Sequence, e.Hash, e.Body)), stored.Select(e => (e.Sequence, e.Hash, e.Body)));
        }
    }

    [Fact]
    public async Task Of_two_that_would_go_on_from_one_place_one_does()
    {
        await using var one = EngineHarness.Create("postgres");
        await using var two = EngineHarness.Create("postgres", database: one.Database);
        for (var round = 0; round < 20; round++)
        {
            var source = $"gateway/fork_{round}";
            List<AuditEntry>[] forks = [AuditSegmentTests.Chain(source, 20, "a"), AuditSegmentTests.Chain(source, round % 2 == 0 ? 20 : 1, "b")];
            var failed = await Task.WhenAll(
                Task.Run(() => Record.ExceptionAsync(() => one.Audit.AppendAsync(forks[0]))), Task.Run(() => Record.ExceptionAsync(() => two.Audit.AppendAsync(forks[1]))));
            Assert.IsType<AuditConflictException>(Assert.Single(failed, e => e is not null));
            Assert.Equal(forks[failed[0] is null ? 0 : 1].Select(e => e.Body), await one.Audit.ReadChainAsync(source).Select(e => e.Body).ToListAsync());
        }
    }

    [Fact]
    public async Task A_turn_does_not_put_an_entry_beside_a_segment()
    {
        await using var engine = EngineHarness.Create("postgres");
        await engine.Audit.AppendAsync(Chain[..100]);
        await Assert.ThrowsAsync<AuditConflictException>(() => engine.Tally("one").Send(1, Samples.Audit(Source, 40)));
        await AssertWholeAsync(engine, 100);
    }

    [Fact]
    public async Task A_sealed_run_is_one_row_and_its_values_are_sent_once()
    {
        await using var engine = EngineHarness.Create("postgres");
        var sealer = new AuditSealer(new JitGrains.Secrets.SecretKey(new byte[32]));
        var head = ChainHead.Empty;
        for (var round = 0; round < 3; round++)
        {
            var run = sealer.Begin(Source, head);
            for (var i = 0; i < 50; i++)
                run.Add(Samples.T0, new AuditDraft(AuditTypes.CallForwarded, [new("principal", $"value {i % 7}", Personal: true)]));
            await engine.Audit.AppendAsync(run);
            head = run.Head;
        }

        Assert.Equal("3 0 0 7", await Database.RunAsync(
            engine.Database!,
            "SELECT concat_ws(' ', (SELECT count(*) FROM audit_segments), (SELECT count(*) FROM audit_entries), (SELECT count(*) FROM audit_mentions), (SELECT count(*) FROM audit_values))"));
        Assert.Equal(head, await engine.Audit.GetHeadAsync(Source));
        await AssertWholeAsync(engine, 150);
    }

    private static async Task AssertWholeAsync(EngineHarness engine, long length)
    {
        var verified = await new AuditVerifier(engine.Audit, engine.Get<IOutboxPump>(), engine.Time).VerifyChainAsync(Source, null, CancellationToken.None);
        Assert.Equal((length, null), (verified.Sequence, verified.Problem));
        Assert.Equal(length, await engine.Audit.ReadChainAsync(Source).CountAsync());
    }

    private static string Row(AuditEntry entry) =>
        $"INSERT INTO audit_entries (source, seq, hash, body, type, at) VALUES ('{entry.Source}', {entry.Sequence}, '{entry.Hash}', '{entry.Body}', '{AuditFacts.Of(entry).Type}', {AuditFacts.Of(entry).At.UtcTicks})";

    private static Task<object?> InsertAsync(NpgsqlConnection connection, AuditSegment s) => Database.RunAsync(
        connection,
        $"""
        INSERT INTO audit_segments (source, first_seq, last_seq, hash, from_at, to_at, types, filter, bodies)
        VALUES ('{s.Source}', {s.First}, {s.Last}, '{s.Hash}', {s.FromTicks}, {s.ToTicks}, '{s.Types}', '\x{Convert.ToHexString(s.Filter)}', '\x{Convert.ToHexString(s.Bodies)}')
        """);
}
