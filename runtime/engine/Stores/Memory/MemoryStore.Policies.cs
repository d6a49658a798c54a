using JitGrains.PolicyVersions;

namespace JitGrains.Runtime.Engine;

internal sealed partial class MemoryStore : IPolicyStore
{
    private readonly SortedDictionary<long, string> policies = [];

    public Task<PolicyHead?> GetPolicyHeadAsync(CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            return Task.FromResult(policies.Count == 0
                ? null
                : StoreJson.Parse<StoredPolicy>(policies.Last().Value) is var latest ? new PolicyHead(latest.Sequence, latest.Version) : null);
        }
    }

    public Task<StoredPolicy?> GetPolicyAsync(long sequence, CancellationToken cancellationToken = default)
    {
        lock (gate)
            return Task.FromResult(policies.TryGetValue(sequence, out var json) ? StoreJson.Parse<StoredPolicy>(json) : null);
    }
}
