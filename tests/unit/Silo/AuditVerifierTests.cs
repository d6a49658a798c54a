using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using JitGrains.Audit;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.Silo.Audit;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Silo;

/// <summary>Chains that somebody with access to the store has worked on.</summary>
public sealed class AuditVerifierTests
{
    private readonly AuditSealer sealer = new(new SecretKey("0123456789abcdef0123456789abcdef"u8));
    private readonly Dictionary<string, List<AuditEntry>> chains = new(StringComparer.Ordinal);
    private readonly List<VerifiedChain> reported = [];

    public AuditVerifierTests()
    {
        foreach (var source in new[] { "principal/a", "request/b", "request/c" })
        {
            for (var i = 0; i < 5; i++)
                Append(source, AuditTypes.VoteCast, new AuditField("n", $"{i}"));
            var opened = SystemChain.Opened(chains[source][0]);
            Append(SystemChain.Source, opened.Type, [.. opened.Fields]);
        }
    }

    [Fact]
    public async Task Whole_chains_are_valid()
    {
        var outcome = await Verify();
        Assert.Empty(outcome.Problems);
        Assert.True(outcome.Valid);
        Assert.Equal(18, outcome.Entries);
        Assert.Equal(4, reported.Count);
        Assert.All(reported, r => Assert.Equal(chains[r.Source][^1].Hash, r.Hash));
    }

    public static TheoryData<string, string, string> Tampering() => new()
    {
        { "an edited body", "request/b", "edited" },
        { "an edited body with a new hash", "request/b", "replaced" },
        { "a deleted entry", "request/b", "missing" },
        { "a deleted first entry", "request/b", "missing" },
        { "two entries swapped", "request/b", "missing" },
        { "two entries renumbered", "request/b", "moved" },
        { "an entry twice", "request/b", "twice" },
        { "an entry of another chain", "request/b", "moved" },
        { "a chain taken out", "request/b", "whole chain is missing" },
        { "a chain put in", "request/x", "does not name" },
        { "a chain written anew", "request/b", "not the one that the system chain names" },
        { "a system entry taken out", "system", "missing" },
        { "no JSON", "request/b", "edited" },
    };

    [Theory]
    [MemberData(nameof(Tampering))]
    public async Task Tampering_is_found_and_named(string how, string source, string expected)
    {
        chains.TryGetValue("request/b", out var chain);
        switch (how)
        {
            case "an edited body":
                chain![2] = chain[2] with { Body = chain[2].Body.Replace("\"2\"", "\"7\"", StringComparison.Ordinal) };
                break;
            case "an edited body with a new hash":
                var body = chain![2].Body.Replace("\"2\"", "\"7\"", StringComparison.Ordinal);
                chain[2] = chain[2] with { Body = body, Hash = AuditChain.HashOf(body) };
                break;
            case "a deleted entry":
                chain!.RemoveAt(2);
                break;
            case "a deleted first entry":
                chain!.RemoveAt(0);
                break;
            case "two entries swapped":
                (chain![1], chain[2]) = (chain[2], chain[1]);
                break;
            case "two entries renumbered":
                (chain![1], chain[2]) = (chain[2] with { Sequence = 2 }, chain[1] with { Sequence = 3 });
                break;
            case "an entry twice":
                chain!.Insert(2, chain[1]);
                break;
            case "an entry of another chain":
                chain![2] = chains["request/c"][2] with { Source = "request/b" };
                break;
            case "a chain taken out":
                chains.Remove("request/b");
                break;
            case "a chain put in":
                Append("request/x", AuditTypes.VoteCast, new AuditField("n", "0"));
                break;
            case "a chain written anew":
                chains.Remove("request/b");
                for (var i = 0; i < 5; i++)
                    Append("request/b", AuditTypes.VoteCast, new AuditField("n", $"{i + 1}"));
                break;
            case "a system entry taken out":
                chains["system"].RemoveAt(1);
                break;
            case "no JSON":
                chain![2] = chain[2] with { Body = "{" };
                break;
            default:
                throw new ArgumentException("no such tampering", nameof(how));
        }

        var outcome = await Verify();
        Assert.False(outcome.Valid);
        var problem = Assert.Single(outcome.Problems, p => p.Source == source);
        Assert.Contains(expected, problem.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("request/b")]
    [InlineData("system")]
    public async Task A_cut_off_end_shows_against_a_head_that_is_known(string source)
    {
        var head = new ChainHead(chains[source].Count, chains[source][^1].Hash);
        Assert.Null((await Verifier().VerifyChainAsync(source, head, CancellationToken.None)).Problem);
        Assert.Contains("not the head", (await Verifier().VerifyChainAsync(source, head with { Hash = "other" }, CancellationToken.None)).Problem, StringComparison.Ordinal);
        chains[source].RemoveAt(chains[source].Count - 1);
        Assert.Contains("cut off", (await Verifier().VerifyChainAsync(source, head, CancellationToken.None)).Problem, StringComparison.Ordinal);
        if (source == "system")
            Assert.False((await Verify(head)).Valid);
    }

    private Task<VerifyOutcome> Verify(ChainHead? head = null) => Verifier().VerifyAllAsync(
        head,
        chain =>
        {
            reported.Add(chain);
            return Task.CompletedTask;
        },
        CancellationToken.None);

    private AuditVerifier Verifier() => new(new TamperedStore(chains), new NothingToDeliver(), new ManualTime());

    private void Append(string source, string type, params AuditField[] fields)
    {
        if (!chains.TryGetValue(source, out var chain))
            chains[source] = chain = [];
        var head = chain.Count == 0 ? ChainHead.Empty : new ChainHead(chain[^1].Sequence, chain[^1].Hash);
        chain.Add(sealer.Seal(source, head, Sample.Start, new AuditDraft(type, [.. fields])));
    }

    private sealed class NothingToDeliver : IOutboxPump
    {
        public Task WhenIdleAsync(CancellationToken cancellationToken = default) => Task.CompletedTask;
    }

    /// <summary>Answers what is in the lists, whatever it is: a real store refuses such chains when they are written through it.</summary>
    private sealed class TamperedStore(Dictionary<string, List<AuditEntry>> chains) : IAuditStore
    {
        public Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task<PageReply<AuditEntry>> QueryAsync(AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public async IAsyncEnumerable<AuditSource> ListSourcesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            foreach (var (source, chain) in chains.OrderBy(c => c.Key, StringComparer.Ordinal))
                yield return new AuditSource(source, chain.Count == 0 ? ChainHead.Empty : new ChainHead(chain[^1].Sequence, chain[^1].Hash));
        }

        public Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default) =>
            Task.FromResult(chains.TryGetValue(source, out var chain) ? new ChainHead(chain[^1].Sequence, chain[^1].Hash) : ChainHead.Empty);

        public async IAsyncEnumerable<AuditEntry> ReadChainAsync(string source, long fromSequence = 1, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            foreach (var entry in chains.GetValueOrDefault(source) ?? [])
                yield return entry;
        }

        public Task<IReadOnlyDictionary<string, string>> ResolveAsync(IReadOnlyCollection<string> digests, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();
    }
}
