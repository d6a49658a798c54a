using JitGrains.Audit;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.UnitTests.Runtime;

namespace JitGrains.UnitTests.Audit;

/// <summary>Entries that are sealed in one piece are, byte for byte, what they would be one by one.</summary>
public class SealedRunTests
{
    private static readonly AuditSealer Sealer = new(new SecretKey(new byte[32]));

    public static TheoryData<string> Stores => EngineHarness.Stores;

    [Fact]
    public void A_run_is_the_entries_one_by_one()
    {
        var random = new Random(11);
        var run = Sealer.Begin("", ChainHead.Empty);
        var head = ChainHead.Empty;
        for (var round = 0; round < 200; round++)
        {
            run.Restart("gateway/gw_\"1\"", head);
            var expected = new List<AuditEntry>();
            for (var i = random.Next(round % 10 == 0 ? 60 : 5); i > 0; i--)
            {
                var (at, draft) = (Samples.T0.AddTicks(random.NextInt64(TimeSpan.TicksPerDay)), Draft(random));
                expected.Add(Sealer.Seal("gateway/gw_\"1\"", head, at, draft));
                run.Add(at, draft);
                head = new ChainHead(expected[^1].Sequence, expected[^1].Hash);
            }

            Assert.Equal(head, run.Head);
            Assert.Equal(expected.Select(e => (e.Source, e.Sequence, e.Hash, e.Body)), run.Select(e => (e.Source, e.Sequence, e.Hash, e.Body)));
            Assert.Equal(expected.SelectMany(e => e.Values).ToHashSet(), run.Values.ToHashSet());
            Assert.Equal(expected.Select(e => e.Values.ToHashSet()), run.Select(e => e.Values.ToHashSet()));
            Assert.Equal(expected.SelectMany(e => AuditFacts.Of(e).Mentions).ToHashSet(), run.Mentions.ToHashSet());
            if (expected.Count < 2)
                continue;
            var (packed, slowly) = (AuditSegment.TryPack(run)!.Single(), AuditSegment.TryPack(expected)!.Single());
            Assert.Equal(slowly.Unpack().Select(e => (e.Sequence, e.Hash, e.Body)), packed.Unpack().Select(e => (e.Sequence, e.Hash, e.Body)));
            Assert.Equal((slowly.First, slowly.Last, slowly.Hash, slowly.FromTicks, slowly.ToTicks, slowly.Types), (packed.First, packed.Last, packed.Hash, packed.FromTicks, packed.ToTicks, packed.Types));
        }
    }

    [Fact]
    public void Fields_come_in_order_and_once()
    {
        var run = Sealer.Begin("gateway/gw_1", ChainHead.Empty);
        run.Open(Samples.T0);
        run.Text("b", "1");
        Assert.Throws<InvalidOperationException>(() => run.Text("a", "1"));
        Assert.Throws<InvalidOperationException>(() => run.Text("b", "2"));
        Assert.Throws<InvalidOperationException>(() => run.Open(Samples.T0));
    }

    /// <summary>Whatever a store is, it takes a run as it takes its entries; and again, as after a write whose answer was lost.</summary>
    [Theory]
    [MemberData(nameof(Stores))]
    public async Task A_store_takes_a_run(string store)
    {
        await using var engine = EngineHarness.Create(store);
        var random = new Random(5);
        var run = Sealer.Begin("gateway/gw_1", ChainHead.Empty);
        var all = new List<AuditEntry>();
        foreach (var count in (int[])[1, 300, 2, 1])
        {
            run.Restart("gateway/gw_1", run.Head);
            for (var i = 0; i < count; i++)
                run.Add(Samples.T0.AddSeconds(all.Count + i), Draft(random));
            all.AddRange(run);
            await engine.Audit.AppendAsync(run);
            await engine.Audit.AppendAsync(run);
        }

        Assert.Equal(all.Select(e => (e.Sequence, e.Hash, e.Body)), (await engine.Audit.ReadChainAsync("gateway/gw_1").ToListAsync()).Select(e => (e.Sequence, e.Hash, e.Body)));
        var values = all.SelectMany(e => e.Values).DistinctBy(v => v.Digest).ToDictionary(v => v.Digest, v => v.Value);
        Assert.Equal(values, (await engine.Audit.ResolveAsync(values.Keys)).ToDictionary());
        var chain = new AuditChain("gateway/gw_1");
        Assert.All(all, e => Assert.Null(chain.Next(new StoredEntry(e.Source, e.Sequence, e.Hash, e.Body))));
    }

    private static AuditDraft Draft(Random random)
    {
        var fields = new List<AuditField>();
        foreach (var name in (string[])["status", "action", "principal", "prev", "resource", "request", "é", "n"])
        {
            if (random.Next(3) == 0)
                continue;
            var value = random.Next(8) switch
            {
                0 => $"rq_{random.Next(9)}",
                1 => "a \"quoted\" \\ \u0001 é \U0001F600",
                2 => $"\",\"prev\":\"{random.Next(9)}",
                3 => "",
                4 or 5 => "the same",
                6 => "the same é",
                _ => $"value {random.Next(40)}",
            };
            fields.Add(new AuditField(name, value, Personal: name is "principal" or "resource" || (name == "n" && random.Next(2) == 0)));
        }

        // More than there usually are.
        if (random.Next(10) == 0)
            fields.AddRange(Enumerable.Range(0, 40).Select(i => new AuditField(string.Intern($"z{i:00}"), $"{random.Next(2)}")));

        return new AuditDraft(random.Next(2) == 0 ? AuditTypes.CallForwarded : AuditTypes.CallDenied, [.. fields]);
    }
}
