using JitGrains.Audit;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Audit;

public sealed class AuditChainTests
{
    private static readonly AuditSealer Sealer = new(new SecretKey(new byte[32]));

    private readonly List<StoredEntry> chain = Build("principal/x", 5);

    [Fact]
    public void A_whole_chain_verifies_and_ends_in_its_head()
    {
        var (problem, head) = Verify(chain);
        Assert.Null(problem);
        Assert.Equal(new ChainHead(5, chain[4].Hash), head);
    }

    [Fact]
    public void An_edited_entry_is_found()
    {
        chain[2] = chain[2] with { Body = chain[2].Body.Replace("\"n\":\"3\"", "\"n\":\"4\"", StringComparison.Ordinal) };
        Assert.Contains("edited", Verify(chain).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_edited_entry_with_its_hash_made_anew_is_found_at_the_next()
    {
        var body = chain[2].Body.Replace("\"n\":\"3\"", "\"n\":\"4\"", StringComparison.Ordinal);
        Assert.NotEqual(chain[2].Body, body);
        chain[2] = chain[2] with { Body = body, Hash = AuditChain.HashOf(body) };
        Assert.Contains("entry 4 does not follow", Verify(chain).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_deleted_entry_is_found()
    {
        chain.RemoveAt(2);
        Assert.Contains("entry 3 is missing", Verify(chain).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Reordered_entries_are_found()
    {
        (chain[1], chain[2]) = (chain[2] with { Sequence = 2 }, chain[1] with { Sequence = 3 });
        Assert.Contains("moved", Verify(chain).Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_of_another_chain_is_found()
    {
        chain[2] = Build("principal/y", 5)[2] with { Source = "principal/x" };
        Assert.NotNull(Verify(chain).Problem);
    }

    [Fact]
    public void A_truncated_chain_does_not_end_in_the_head_one_holds()
    {
        var held = Verify(chain).Head;
        chain.RemoveAt(4);
        var (problem, head) = Verify(chain);
        Assert.Null(problem);
        Assert.NotEqual(held, head);
    }

    [Fact]
    public void Personal_values_are_held_apart_under_a_keyed_digest()
    {
        var entry = Sealer.Seal("request/rq_1", ChainHead.Empty, Start, new AuditDraft("x.y", [new("principal", Alice.Value, Personal: true), new("api", "orders")]));
        Assert.DoesNotContain("alice", entry.Body, StringComparison.Ordinal);
        Assert.Contains("\"api\":\"orders\"", entry.Body, StringComparison.Ordinal);
        var value = Assert.Single(entry.Values);
        Assert.Equal(Alice.Value, value.Value);
        Assert.Contains(value.Digest, entry.Body, StringComparison.Ordinal);
        Assert.NotEqual(value.Digest, new AuditSealer(new SecretKey([.. Enumerable.Repeat((byte)1, 32)])).PersonalDigest(Alice.Value));
    }

    private static List<StoredEntry> Build(string source, int count)
    {
        var head = ChainHead.Empty;
        var entries = new List<StoredEntry>();
        for (var n = 1; n <= count; n++)
        {
            var entry = Sealer.Seal(source, head, Start.AddSeconds(n), new AuditDraft("x.y", [new AuditField("n", n.ToString())]));
            head = new ChainHead(entry.Sequence, entry.Hash);
            entries.Add(new StoredEntry(entry.Source, entry.Sequence, entry.Hash, entry.Body));
        }

        return entries;
    }

    private static (string? Problem, ChainHead Head) Verify(IEnumerable<StoredEntry> entries)
    {
        var check = new AuditChain("principal/x");
        return (entries.Select(check.Next).FirstOrDefault(p => p is not null), check.Head);
    }
}
