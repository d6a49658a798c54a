using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Policy;
using JitGrains.PolicyVersions;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Policies;

/// <summary>
/// Holds asks against the policy that they name, where gateways are processes of their own: a gateway that was taken over can
/// write an ask of any terms into a principal's outbox. The terms are derived anew from the version's text. Only the version in
/// force counts, and one that was a short while ago: an ask may have been on its way meanwhile. Thread-safe.
/// </summary>
internal sealed class AskCheck(IPolicyProvider policies, IPolicyStore store, IGrainFactory grains, TimeProvider time)
{
    /// <summary>How long an ask may be on its way after another version has taken the place of the one it names.</summary>
    public static readonly TimeSpan OnTheWay = TimeSpan.FromMinutes(15);

    private const int MostRemembered = 16;

    private readonly Lock gate = new();
    private ImmutableDictionary<string, CompiledPolicy> earlier = ImmutableDictionary<string, CompiledPolicy>.Empty;

    /// <summary>Null where the ask is one that its policy makes; otherwise why it fails, as a fixed word.</summary>
    public async Task<string?> FindFaultAsync(Ask ask, CancellationToken cancellationToken)
    {
        var current = policies.Current;
        if (current.Version == ask.Terms.PolicyVersion)
            return current.CouldAsk(ask) ? null : "terms-not-of-policy";
        if (await FindSequenceAsync(ask.Terms.PolicyVersion) is not { } sequence)
            return "policy-not-in-force";
        return (await LoadAsync(ask.Terms.PolicyVersion, sequence, cancellationToken))?.CouldAsk(ask) == true ? null : "terms-not-of-policy";
    }

    /// <summary>A version that this process does not have yet, or that was replaced a short while ago; null for any other.</summary>
    private async Task<long?> FindSequenceAsync(string version)
    {
        DateTimeOffset? replacedAt = null;
        foreach (var entry in (await grains.GetGrain<IPolicyGrain>(IPolicyGrain.Key).GetHistory()).Entries)
        {
            if (entry.Version == version)
                return replacedAt is null || time.GetUtcNow() - replacedAt < OnTheWay ? entry.Sequence : null;
            replacedAt = entry.AppliedAt;
        }

        return null;
    }

    private async Task<CompiledPolicy?> LoadAsync(string version, long sequence, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (earlier.TryGetValue(version, out var known))
                return known;
        }

        if (await store.GetPolicyAsync(sequence, cancellationToken) is not { } stored
            || PolicyLoader.Load([.. stored.Files.Select(f => new PolicyFile(f.Name, f.Text))]).Policy is not { } loaded
            || loaded.Version != version)
        {
            return null;
        }

        lock (gate)
            earlier = (earlier.Count < MostRemembered ? earlier : earlier.Clear()).SetItem(version, loaded);
        return loaded;
    }
}
