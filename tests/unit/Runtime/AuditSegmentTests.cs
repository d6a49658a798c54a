using JitGrains.Audit;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.Silo.Audit;

namespace JitGrains.UnitTests.Runtime;

/// <summary>Entries that were written together are one row of a store, and are read, found and verified as if each had its own.</summary>
public class AuditSegmentTests
{
    private static readonly AuditSealer Sealer = new(new SecretKey(new byte[32]));

    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_chain_of_rows_and_runs_is_read_whole_from_any_place(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var chain = Chain("gateway/gw_1", 9_000);
        await engine.Audit.AppendAsync([chain[0]]);
        await engine.Audit.AppendAsync([.. chain[1..300]]);
        await engine.Audit.AppendAsync([chain[300]]);
        await engine.Audit.AppendAsync([.. chain[301..]]);

        Assert.Equal(new ChainHead(9_000, chain[^1].Hash), await engine.Audit.GetHeadAsync("gateway/gw_1"));
        Assert.Equal([new AuditSource("gateway/gw_1", new ChainHead(9_000, chain[^1].Hash))], await engine.Audit.ListSourcesAsync().ToListAsync());
        foreach (var from in (int[])[1, 2, 150, 300, 301, 302, 5_000, 9_000, 9_001])
        {
            var read = await engine.Audit.ReadChainAsync("gateway/gw_1", from).ToListAsync();
            Assert.Equal(chain[(from - 1)..].Select(e => (e.Sequence, e.Hash, e.Body)), read.Select(e => (e.Sequence, e.Hash, e.Body)));
        }

        Assert.Equal("value 7", (await engine.Audit.ResolveAsync([Sealer.PersonalDigest("value 7")])).Single().Value);
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_run_that_is_offered_again_is_passed_over_and_another_in_its_place_is_refused(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var chain = Chain("gateway/gw_1", 60);
        await engine.Audit.AppendAsync([.. chain[..40]]);
        await engine.Audit.AppendAsync([.. chain[..40]]);
        // With more behind it, and from the middle.
        await engine.Audit.AppendAsync([.. chain[10..50]]);
        await engine.Audit.AppendAsync([.. chain[50..]]);
        Assert.Equal(chain.Select(e => e.Body), (await engine.Audit.ReadChainAsync("gateway/gw_1").ToListAsync()).Select(e => e.Body));

        var other = Chain("gateway/gw_1", 60, "other");
        await Assert.ThrowsAsync<AuditConflictException>(() => engine.Audit.AppendAsync([.. other[..5]]));
        await Assert.ThrowsAsync<AuditConflictException>(() => engine.Audit.AppendAsync([other[0]]));
        await Assert.ThrowsAnyAsync<Exception>(() => engine.Audit.AppendAsync([.. other[30..]]));
        await Assert.ThrowsAsync<AuditGapException>(() => engine.Audit.AppendAsync([.. Chain("gateway/gw_1", 70, "other")[60..]]));
        await Assert.ThrowsAsync<AuditGapException>(() => engine.Audit.AppendAsync([.. Chain("gateway/gw_2", 70)[60..]]));
        Assert.Equal(60, (await engine.Audit.GetHeadAsync("gateway/gw_1")).Sequence);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Runs_answer_every_filter_and_page_as_rows_do(string store)
    {
        await using var memory = EngineHarness.Create("memory");
        await using var packed = EngineHarness.Create(store);
        var random = new Random(7);
        foreach (var source in (string[])["gateway/gw_1", "gateway/gw_2", "request/rq_1"])
        {
            var chain = Chain(source, 400, seed: random.Next());
            for (var from = 0; from < chain.Count;)
            {
                var entries = chain.Skip(from).Take(source == "request/rq_1" ? 1 : random.Next(1, 60)).ToArray();
                from += entries.Length;
                await memory.Audit.AppendAsync(entries);
                await packed.Audit.AppendAsync(entries);
            }
        }

        for (var i = 0; i < 200; i++)
        {
            var filter = new AuditFilter
            {
                Source = random.Next(3) == 0 ? "gateway/gw_2" : null,
                Type = random.Next(3) == 0 ? AuditTypes.CallDenied : null,
                PersonalDigest = random.Next(2) == 0 ? Sealer.PersonalDigest($"value {random.Next(40)}") : null,
                RequestId = random.Next(4) == 0 ? $"rq_{random.Next(5)}" : null,
                From = random.Next(3) == 0 ? Samples.T0.AddSeconds(random.Next(400)) : null,
                To = random.Next(3) == 0 ? Samples.T0.AddSeconds(random.Next(400)) : null,
            };
            var expected = await Samples.AllPagesAsync(c => memory.Audit.QueryAsync(filter, c, 7));
            var actual = await Samples.AllPagesAsync(c => packed.Audit.QueryAsync(filter, c, 11));
            Assert.Equal(expected.Select(e => (e.Source, e.Sequence, e.Body)), actual.Select(e => (e.Source, e.Sequence, e.Body)));
        }
    }

    [Theory]
    [MemberData(nameof(Tampering))]
    public async Task Whatever_is_done_to_a_run_shows(string store, string how, string expected)
    {
        await using var engine = EngineHarness.Create(store);
        var chain = Chain("gateway/gw_1", 60);
        foreach (var run in chain.Chunk(20))
            await engine.Audit.AppendAsync(run);
        var forged = AuditSegment.TryPack([.. Chain("gateway/gw_1", 60, "other")[20..40]])!.Single();
        await TamperAsync(engine, how switch
        {
            "bodies" => $"UPDATE audit_segments SET bodies = {Bytes(forged.Bodies)} WHERE first_seq = 21",
            "cut bodies" => $"UPDATE audit_segments SET bodies = {Bytes(forged.Bodies[..40])} WHERE first_seq = 21",
            "hash" => $"UPDATE audit_segments SET hash = '{forged.Hash}' WHERE first_seq = 21",
            "no end" => "UPDATE audit_segments SET last_seq = 9223372036854775807 WHERE first_seq = 21",
            "gone" => "DELETE FROM audit_segments WHERE first_seq = 21",
            "moved" => "UPDATE audit_segments SET source = 'gateway/gw_2' WHERE first_seq = 21",
            "twice" => "INSERT INTO audit_segments SELECT source, 31, 50, hash, from_at, to_at, types, filter, bodies FROM audit_segments WHERE first_seq = 21",
            _ => $"INSERT INTO audit_entries (source, seq, hash, body, type, at) VALUES ('gateway/gw_1', 25, '{chain[24].Hash}', '{chain[24].Body}', 't', 0)",
        });

        var verified = await new AuditVerifier(engine.Audit, engine.Get<IOutboxPump>(), engine.Time).VerifyChainAsync("gateway/gw_1", null, CancellationToken.None);
        Assert.Contains(expected, verified.Problem, StringComparison.Ordinal);
        // What cannot be read is not listed, and what can is.
        Assert.InRange((await Samples.AllPagesAsync(c => engine.Audit.QueryAsync(AuditFilter.All, c))).Count, 40, 81);

        string Bytes(byte[] bytes) => store == "sqlite" ? $"X'{Convert.ToHexString(bytes)}'" : $"'\\x{Convert.ToHexString(bytes)}'";
    }

    public static TheoryData<string, string, string> Tampering
    {
        get
        {
            (string How, string Expected)[] ways =
            [
                ("bodies", "does not follow entry 20"), ("cut bodies", "it was edited"), ("hash", "it was edited"), ("no end", "it was edited"),
                ("gone", "entry 21 is missing"), ("moved", "entry 21 is missing"), ("twice", "is there twice"), ("a row beside it", "is there twice"),
            ];
            var data = new TheoryData<string, string, string>();
            foreach (var store in (string[])["sqlite", "postgres"])
            {
                foreach (var (how, expected) in ways)
                    data.Add(store, how, expected);
            }

            return data;
        }
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task The_database_itself_refuses_to_rewrite_runs(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Audit.AppendAsync(Chain("gateway/gw_1", 40));
        await engine.Audit.AppendAsync([Chain("gateway/gw_1", 41)[40]]);
        string[] statements =
        [
            "UPDATE audit_segments SET hash = 'x'", "DELETE FROM audit_segments", $"INSERT {(store == "sqlite" ? "OR REPLACE " : "")}INTO audit_segments SELECT * FROM audit_segments",
            "INSERT INTO audit_segments SELECT source, 20, 60, hash, from_at, to_at, types, filter, bodies FROM audit_segments",
            "INSERT INTO audit_segments SELECT source, 41, 60, hash, from_at, to_at, types, filter, bodies FROM audit_segments",
            "INSERT INTO audit_entries (source, seq, hash, body, type, at) VALUES ('gateway/gw_1', 40, 'x', 'x', 't', 0)",
            .. store == "sqlite" ? (string[])[] : ["TRUNCATE audit_segments", "INSERT INTO audit_segments SELECT 'principal/pd_1', 1, 9, hash, from_at, to_at, types, filter, bodies FROM audit_segments"],
        ];
        foreach (var sql in statements)
            Assert.True(await Record.ExceptionAsync(() => RunAsync(engine, sql)) is Microsoft.Data.Sqlite.SqliteException or Npgsql.PostgresException, sql);
        Assert.Equal(41, await engine.Audit.ReadChainAsync("gateway/gw_1").CountAsync());
    }

    [Fact]
    public void What_an_entry_mentions_is_never_missed()
    {
        var odd = Sealer.Seal("gateway/gw_1", ChainHead.Empty, Samples.T0, new AuditDraft("x", [new("a", "pd_with\"quote"), new("b", "rq_7"), new("prev", "\",\"prev\":\"x")]));
        var next = Sealer.Seal("gateway/gw_1", new ChainHead(1, odd.Hash), Samples.T0, new AuditDraft("x", [new("prev", "y")]));
        var segment = AuditSegment.TryPack([odd, next])!.Single();
        Assert.True(MentionFilter.MayHold(segment.Filter, "pd_with\"quote"));
        Assert.True(MentionFilter.MayHold(segment.Filter, "rq_7"));
        Assert.Equal([odd.Body, next.Body], segment.Unpack().Select(e => e.Body));

        var many = Enumerable.Range(0, 2_000).Select(i => Sealer.PersonalDigest($"{i}")).ToList();
        var filter = MentionFilter.Of(many);
        Assert.All(many, m => Assert.True(MentionFilter.MayHold(filter, m)));
        Assert.InRange(Enumerable.Range(2_000, 10_000).Count(i => MentionFilter.MayHold(filter, Sealer.PersonalDigest($"{i}"))), 0, 300);
    }

    [Fact]
    public void What_is_no_run_of_sealed_entries_is_not_packed()
    {
        var chain = Chain("gateway/gw_1", 10);
        Assert.Null(AuditSegment.TryPack([chain[0]]));
        Assert.Null(AuditSegment.TryPack([chain[0], chain[2]]));
        Assert.Null(AuditSegment.TryPack([chain[0], chain[1] with { Hash = chain[2].Hash }]));
        Assert.Null(AuditSegment.TryPack([chain[0], Chain("gateway/gw_1", 10, "other")[1]]));
        Assert.Null(AuditSegment.TryPack([chain[0], Chain("gateway/gw_2", 10)[1]]));
        Assert.Null(AuditSegment.TryPack([Samples.Entry("gateway/gw_1", 1), Samples.Entry("gateway/gw_1", 2)]));
    }

    [Fact]
    public void A_forged_run_cannot_be_unpacked_to_more_than_a_run_can_be()
    {
        // A megabyte of zeros is a kilobyte: what is claimed is followed up to a bound.
        using var packed = new MemoryStream();
        using (var zlib = new System.IO.Compression.ZLibStream(packed, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true))
        {
            for (var i = 0; i < 40; i++)
            {
                zlib.Write(BitConverter.GetBytes(1024 * 1024));
                zlib.Write(new byte[1024 * 1024]);
            }
        }

        var segment = AuditSegment.TryPack([.. Chain("gateway/gw_1", 40)])! [0] with { Bodies = packed.ToArray() };
        Assert.True(segment.Unpack().Count < 40);
    }

    internal static List<AuditEntry> Chain(string source, int length, string what = "", int seed = 1)
    {
        var random = new Random(seed);
        var chain = new List<AuditEntry>();
        var head = ChainHead.Empty;
        for (var i = 1; i <= length; i++)
        {
            var entry = Sealer.Seal(source, head, Samples.T0.AddSeconds(i + random.Next(-5, 5)), new AuditDraft(
                random.Next(3) == 0 ? AuditTypes.CallDenied : AuditTypes.CallForwarded,
                [new("principal", $"value {i % 40}", Personal: true), new("n", $"{what}{i}"), new("request", $"rq_{random.Next(30)}")]));
            head = new ChainHead(i, entry.Hash);
            chain.Add(entry);
        }

        return chain;
    }

    /// <summary>What whoever owns the database can do.</summary>
    private static async Task TamperAsync(EngineHarness engine, string sql)
    {
        if (engine.Database is not null)
        {
            await RunAsync(engine, $"ALTER TABLE audit_segments DISABLE TRIGGER USER; ALTER TABLE audit_entries DISABLE TRIGGER USER; {sql}");
            return;
        }

        foreach (var trigger in (string[])["audit_segments_insert", "audit_segments_update", "audit_segments_delete", "audit_entries_insert_beside_segments"])
            await RunAsync(engine, $"DROP TRIGGER {trigger}");
        await RunAsync(engine, sql);
    }

    private static Task RunAsync(EngineHarness engine, string sql) => engine.Database is { } database
        ? Postgres.Database.RunAsync(database, sql)
        : engine.Get<SqliteStore>().Writer.WriteAsync(db => db.Execute(sql));
}
