using JitGrains.Audit;
using JitGrains.Runtime.Engine;

namespace JitGrains.UnitTests.Runtime;

public class AuditStoreTests
{
    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task The_same_entry_again_is_passed_over_and_another_in_its_place_is_refused(string store)
    {
        await using var engine = EngineHarness.Create(store);
        AuditEntry[] entries = [Samples.Entry("journal", 1), Samples.Entry("journal", 2)];
        await engine.Audit.AppendAsync(entries);
        await engine.Audit.AppendAsync([.. entries, Samples.Entry("journal", 3)]);
        await Assert.ThrowsAsync<AuditConflictException>(() => engine.Audit.AppendAsync([Samples.Entry("journal", 4), Samples.Entry("journal", 2, hash: "other")]));
        await Assert.ThrowsAsync<AuditConflictException>(() => engine.Audit.AppendAsync([Samples.Entry("journal", 4), Samples.Entry("journal", 4, hash: "other")]));

        Assert.Equal(new ChainHead(3, "hash"), await engine.Audit.GetHeadAsync("journal"));
        Assert.Equal(ChainHead.Empty, await engine.Audit.GetHeadAsync("nobody"));
        var chain = await engine.Audit.ReadChainAsync("journal").ToListAsync();
        Assert.Equal([entries[0].Body, entries[1].Body, Samples.Entry("journal", 3).Body], chain.Select(e => e.Body));
        Assert.Equal([3L], await engine.Audit.ReadChainAsync("journal", 3).Select(e => e.Sequence).ToListAsync());
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_chain_never_gets_a_gap(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await Refuses(Samples.Entry("journal", 2));
        await engine.Audit.AppendAsync([Samples.Entry("journal", 1), Samples.Entry("journal", 2)]);

        await Refuses(Samples.Entry("journal", 4));
        await Refuses(Samples.Entry("journal", 3), Samples.Entry("journal", 5));
        await Refuses(Samples.Entry("journal", 3, previous: "other"));
        await Refuses(Samples.Entry("other", 1), Samples.Entry("journal", 3), Samples.Entry("other", 3));
        Assert.Equal(new ChainHead(2, "hash"), await engine.Audit.GetHeadAsync("journal"));
        Assert.Equal(ChainHead.Empty, await engine.Audit.GetHeadAsync("other"));

        // Chains may grow together, and what is there already does no harm.
        await engine.Audit.AppendAsync([Samples.Entry("other", 1), Samples.Entry("journal", 2), Samples.Entry("other", 2), Samples.Entry("journal", 3)]);
        Assert.Equal(3, (await engine.Audit.GetHeadAsync("journal")).Sequence);

        async Task Refuses(params AuditEntry[] entries) => await Assert.ThrowsAsync<AuditGapException>(() => engine.Audit.AppendAsync(entries));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Long_chains_and_many_sources_are_read_whole_and_in_order(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Audit.AppendAsync([.. Enumerable.Range(1, 1_700).Select(i => Samples.Entry("long", i, hash: $"h{i}", previous: $"h{i - 1}"))]);
        await engine.Audit.AppendAsync([.. Enumerable.Range(0, 1_200).Select(i => Samples.Entry($"s{i:0000}", 1))]);

        Assert.Equal(Enumerable.Range(1, 1_700).Select(i => (long)i), await engine.Audit.ReadChainAsync("long").Select(e => e.Sequence).ToListAsync());
        var sources = await engine.Audit.ListSourcesAsync().ToListAsync();
        Assert.Equal(new AuditSource("long", new ChainHead(1_700, "h1700")), sources[0]);
        Assert.Equal(Enumerable.Range(0, 1_200).Select(i => $"s{i:0000}"), sources.Skip(1).Select(s => s.Source));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Personal_values_are_held_apart(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Audit.AppendAsync([Samples.Entry("journal", 1, data: [("principal", "pd_alice"), ("rule", "refunds")])]);
        Assert.Empty(Assert.Single(await Samples.AllPagesAsync(c => engine.Audit.QueryAsync(AuditFilter.All, c))).Values);
        var values = await engine.Audit.ResolveAsync(["pd_alice", "pd_alice", "pd_nobody"]);
        Assert.Equal(KeyValuePair.Create("pd_alice", "value of pd_alice"), Assert.Single(values));
    }

    [Theory]
    [MemberData(nameof(Stores))]
    public async Task Entries_are_found_by_request_and_person_and_not_by_resource(string store)
    {
        await using var engine = EngineHarness.Create(store);
        await engine.Audit.AppendAsync([Samples.Entry("journal", 1, data: [("request", "rq_1"), ("principal", "pd_alice"), ("resource", "pd_order")])]);
        foreach (var (filter, found) in ((AuditFilter, int)[])[(new() { RequestId = "rq_1" }, 1), (new() { PersonalDigest = "pd_alice" }, 1), (new() { PersonalDigest = "pd_order" }, 0)])
            Assert.Equal(found, (await Samples.AllPagesAsync(c => engine.Audit.QueryAsync(filter, c))).Count);
        Assert.Equal("value of pd_order", (await engine.Audit.ResolveAsync(["pd_order"]))["pd_order"]);
    }

    [Theory]
    [InlineData("sqlite")]
    [InlineData("postgres")]
    public async Task Stores_give_the_same_pages_for_every_filter(string store)
    {
        await using var memory = EngineHarness.Create("memory");
        await using var other = EngineHarness.Create(store);
        var random = new Random(7);
        var next = new Dictionary<string, long>();
        var entries = Enumerable.Range(0, 300).Select(_ =>
        {
            var source = $"s{random.Next(4)}";
            next[source] = next.GetValueOrDefault(source) + 1;
            return Samples.Entry(
                source,
                next[source],
                Samples.T0 + TimeSpan.FromSeconds(random.Next(20)),
                random.Next(2) == 0 ? AuditTypes.VoteCast : AuditTypes.RequestRaised,
                data: [("request", $"rq_{random.Next(5)}"), ("principal", $"pd_{random.Next(3)}")]);
        }).ToArray();
        await memory.Audit.AppendAsync(entries);
        await other.Audit.AppendAsync(entries);

        string?[] requests = [null, "rq_3", "rq_none"];
        string?[] digests = [null, "pd_1"];
        foreach (var filter in
            from source in (string?[])[null, "s1"]
            from type in (string?[])[null, AuditTypes.VoteCast]
            from window in (bool[])[false, true]
            from request in requests
            from digest in digests
            select new AuditFilter
            {
                Source = source,
                Type = type,
                From = window ? Samples.T0 + TimeSpan.FromSeconds(5) : null,
                To = window ? Samples.T0 + TimeSpan.FromSeconds(15) : null,
                RequestId = request,
                PersonalDigest = digest,
            })
        {
            var expected = await Samples.AllPagesAsync(c => memory.Audit.QueryAsync(filter, c, 7));
            var actual = await Samples.AllPagesAsync(c => other.Audit.QueryAsync(filter, c, 11));
            Assert.Equal(expected.Select(e => (e.Source, e.Sequence)), actual.Select(e => (e.Source, e.Sequence)));
            Assert.Equal(expected.Count, expected.Select(e => (e.Source, e.Sequence)).Distinct().Count());
            Assert.Equal(filter.RequestId == "rq_none", expected.Count == 0);
        }
    }
}
