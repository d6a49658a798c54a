using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

internal sealed partial class MemoryStore : IAuditStore
{
    private readonly SortedDictionary<string, SortedDictionary<long, (AuditEntry Entry, AuditFacts Facts)>> chains = new(StringComparer.Ordinal);
    private readonly Dictionary<string, PersonalValue> personalValues = new(StringComparer.Ordinal);

    public Task AppendAsync(IReadOnlyList<AuditEntry> entries, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            CheckAudit(entries);
            foreach (var link in AuditLink.Of(entries))
                link.Check(chains.TryGetValue(link.Source, out var chain) && chain.TryGetValue(link.Sequence, out var there) ? there.Entry.Hash : null);
            foreach (var append in entries.Select(PrepareAudit).ToArray())
                append();
        }

        return Task.CompletedTask;
    }

    public Task<PageReply<AuditEntry>> QueryAsync(
        AuditFilter filter, string? cursor = null, int? limit = null, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            var entries = chains.Values.SelectMany(chain => chain.Values)
                .Where(e => filter.Source is null || e.Entry.Source == filter.Source)
                .Where(e => filter.Type is null || e.Facts.Type == filter.Type)
                .Where(e => filter.From is null || e.Facts.At >= filter.From)
                .Where(e => filter.To is null || e.Facts.At < filter.To)
                .Where(e => filter.RequestId is null || e.Facts.Mentions.Contains(filter.RequestId))
                .Where(e => filter.PersonalDigest is null || e.Facts.Mentions.Contains(filter.PersonalDigest));
            return Task.FromResult(Page(
                'a', entries, e => new PageCursor('a', e.Facts.At.UtcTicks, e.Entry.Source, e.Entry.Sequence), e => e.Entry, cursor, limit));
        }
    }

    public async IAsyncEnumerable<AuditSource> ListSourcesAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        AuditSource[] sources;
        lock (gate)
            sources = [.. chains.Select(chain => new AuditSource(chain.Key, HeadOf(chain.Value)))];
        foreach (var source in sources)
            yield return await Task.FromResult(source);
    }

    public Task<ChainHead> GetHeadAsync(string source, CancellationToken cancellationToken = default)
    {
        lock (gate)
            return Task.FromResult(chains.TryGetValue(source, out var chain) ? HeadOf(chain) : ChainHead.Empty);
    }

    public async IAsyncEnumerable<AuditEntry> ReadChainAsync(
        string source, long fromSequence = 1, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        AuditEntry[] entries;
        lock (gate)
            entries = chains.TryGetValue(source, out var chain) ? [.. chain.Where(e => e.Key >= fromSequence).Select(e => e.Value.Entry)] : [];
        foreach (var entry in entries)
            yield return await Task.FromResult(entry);
    }

    public Task<IReadOnlyDictionary<string, string>> ResolveAsync(IReadOnlyCollection<string> digests, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            return Task.FromResult<IReadOnlyDictionary<string, string>>(
                digests.Distinct(StringComparer.Ordinal).Where(personalValues.ContainsKey).ToDictionary(d => d, d => personalValues[d].Value, StringComparer.Ordinal));
        }
    }

    private static ChainHead HeadOf(SortedDictionary<long, (AuditEntry Entry, AuditFacts Facts)> chain)
    {
        var last = chain.Keys.Max();
        return new ChainHead(last, chain[last].Entry.Hash);
    }

    private void CheckAudit(IReadOnlyList<AuditEntry> entries)
    {
        var hashes = new Dictionary<(string, long), string>();
        foreach (var entry in entries)
        {
            var stored = chains.TryGetValue(entry.Source, out var chain) && chain.TryGetValue(entry.Sequence, out var there)
                ? there.Entry.Hash
                : hashes.GetValueOrDefault((entry.Source, entry.Sequence), entry.Hash);
            if (stored != entry.Hash)
                throw new AuditConflictException($"audit chain {entry.Source} holds another entry {entry.Sequence}");
            hashes[(entry.Source, entry.Sequence)] = entry.Hash;
        }
    }

    private Action PrepareAudit(AuditEntry entry)
    {
        var facts = AuditFacts.Of(entry);
        return () =>
        {
            if (!chains.TryGetValue(entry.Source, out var chain))
                chains[entry.Source] = chain = [];
            chain.TryAdd(entry.Sequence, (entry with { Values = ImmutableArray<PersonalValue>.Empty }, facts));
            foreach (var value in entry.Values)
            {
                if (!erased.TryGetValue(value.Digest, out var at) || at < value.ActedAt)
                    personalValues.TryAdd(value.Digest, value);
            }
        };
    }
}
