using System.Text.Json;
using JitGrains.Audit;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Audit;

/// <summary>A chain as verified.</summary>
/// <param name="Source">The chain.</param>
/// <param name="Sequence">The last good entry's number; 0 where there is none.</param>
/// <param name="Hash">The last good entry's hash.</param>
/// <param name="Problem">The first thing wrong with it, or null.</param>
public sealed record VerifiedChain(string Source, long Sequence, string Hash, string? Problem);

/// <summary>What a verification found.</summary>
/// <param name="Valid">Whether nothing is wrong.</param>
/// <param name="Entries">Good entries read.</param>
/// <param name="Problems">The first problem of each chain that has one.</param>
public sealed record VerifyOutcome(bool Valid, long Entries, IReadOnlyList<VerifiedChain> Problems);

/// <summary>
/// Verifies audit chains from their stored bodies: every hash is computed anew, so that any edit, deletion or reordering
/// shows, and a truncation of a chain whose head is given. The system chain must name every other chain by its first
/// entry, so that no whole chain can be taken out or put in. Reads in constant memory per chain. Thread-safe.
/// </summary>
public sealed class AuditVerifier(IAuditStore store, IOutboxPump pump, TimeProvider time)
{
    /// <summary>How long records of new chains may be on their way to the system chain.</summary>
    private static readonly TimeSpan OnTheWay = TimeSpan.FromSeconds(5);

    /// <summary>Verifies one chain.</summary>
    /// <param name="source">The chain.</param>
    /// <param name="head">A head that it once had, or null.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<VerifiedChain> VerifyChainAsync(string source, ChainHead? head, CancellationToken cancellation) =>
        (await WalkAsync(source, head, null, cancellation)).Chain;

    /// <summary>Verifies everything.</summary>
    /// <param name="systemHead">A head that the system chain once had, or null.</param>
    /// <param name="report">Told of each chain when it has been read.</param>
    /// <param name="cancellation">Gives up.</param>
    public async Task<VerifyOutcome> VerifyAllAsync(ChainHead? systemHead, Func<VerifiedChain, Task> report, CancellationToken cancellation)
    {
        var first = new Dictionary<string, string>(StringComparer.Ordinal);
        var found = new List<VerifiedChain>();
        var entries = 0L;
        await foreach (var source in store.ListSourcesAsync(cancellation))
        {
            if (source.Source == SystemChain.Source)
                continue;
            // The head as listed: what is appended while we read may be there or not.
            var (chain, firstHash) = await WalkAsync(source.Source, source.Head, null, cancellation);
            first[source.Source] = firstHash;
            await TellAsync(chain);
        }

        await WaitForRecordsAsync(cancellation);
        var named = new Dictionary<string, string>(StringComparer.Ordinal);
        var (system, _) = await WalkAsync(SystemChain.Source, systemHead, named, cancellation);
        await TellAsync(system);
        foreach (var problem in await CompareAsync(first, named, cancellation))
        {
            if (!found.Exists(f => f.Source == problem.Source))
                found.Add(problem);
        }

        return new VerifyOutcome(found.Count == 0, entries, found);

        async Task TellAsync(VerifiedChain chain)
        {
            entries += chain.Sequence;
            if (chain.Problem is not null)
                found.Add(chain);
            await report(chain);
        }
    }

    /// <summary>Chains that the system chain does not name, names otherwise, or names in vain.</summary>
    private async Task<List<VerifiedChain>> CompareAsync(Dictionary<string, string> first, Dictionary<string, string> named, CancellationToken cancellation)
    {
        var problems = new List<VerifiedChain>();
        foreach (var (source, hash) in first)
        {
            if (!named.TryGetValue(source, out var expected))
                problems.Add(new VerifiedChain(source, 0, "", "the system chain does not name this chain"));
            else if (expected != hash)
                problems.Add(new VerifiedChain(source, 0, "", "its first entry is not the one that the system chain names"));
        }

        foreach (var source in named.Keys.Where(s => !first.ContainsKey(s)).Order(StringComparer.Ordinal))
        {
            // A chain that was opened while we read is there by now.
            if ((await store.GetHeadAsync(source, cancellation)).Sequence == 0)
                problems.Add(new VerifiedChain(source, 0, "", "the whole chain is missing"));
        }

        return problems;
    }

    private async Task<(VerifiedChain Chain, string FirstHash)> WalkAsync(string source, ChainHead? head, Dictionary<string, string>? named, CancellationToken cancellation)
    {
        var chain = new AuditChain(source);
        string? problem = null;
        await foreach (var entry in store.ReadChainAsync(source, cancellationToken: cancellation))
        {
            problem = chain.Next(new StoredEntry(entry.Source, entry.Sequence, entry.Hash, entry.Body));
            if (problem is null && entry.Sequence == head?.Sequence && entry.Hash != head.Hash)
                problem = $"entry {entry.Sequence} is not the head that was given";
            if (problem is not null)
                break;
            if (named is not null && OpenedBy(entry.Body) is var (opened, hash))
                named.TryAdd(opened, hash);
        }

        if (problem is null && head is not null && chain.Head.Sequence < head.Sequence)
            problem = $"it ends at entry {chain.Head.Sequence}, before the head {head.Sequence}: entries were cut off";
        return (new VerifiedChain(source, chain.Head.Sequence, chain.Head.Hash, problem), chain.FirstHash ?? "");
    }

    private static (string Chain, string FirstHash)? OpenedBy(string body)
    {
        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        if (!root.TryGetProperty("type", out var type) || !type.ValueEquals(AuditTypes.ChainOpened) || !root.TryGetProperty("data", out var data))
            return null;
        return data.TryGetProperty("chain", out var chain) && data.TryGetProperty("first_hash", out var hash)
            ? (chain.GetString()!, hash.GetString()!)
            : null;
    }

    private async Task WaitForRecordsAsync(CancellationToken cancellation) =>
        await pump.WhenIdleAsync(cancellation).WaitAsync(OnTheWay, time, cancellation)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
