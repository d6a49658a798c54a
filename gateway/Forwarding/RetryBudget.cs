using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Model;

namespace JitGrains.Gateway.Forwarding;

/// <summary>
/// Keeps calls that are sent again to a fifth of an API's calls, and ten at once: upstreams that fail are not failed further
/// by twice the calls. Thread-safe.
/// </summary>
internal sealed class RetryBudget
{
    private const int CallsPerRetry = 5;
    private const int Most = 10 * CallsPerRetry;

    private readonly ConditionalWeakTable<ClusterState, StrongBox<int>> saved = [];

    /// <summary>A call that counts towards a later retry.</summary>
    public void Called(ClusterState cluster)
    {
        var budget = Of(cluster);
        // Two at once may save one too few: no harm.
        if (Volatile.Read(ref budget.Value) < Most)
            Interlocked.Increment(ref budget.Value);
    }

    /// <summary>Takes one retry, if there is one.</summary>
    public bool TryTake(ClusterState cluster)
    {
        var budget = Of(cluster);
        while (true)
        {
            var left = Volatile.Read(ref budget.Value);
            if (left < CallsPerRetry)
                return false;
            if (Interlocked.CompareExchange(ref budget.Value, left - CallsPerRetry, left) == left)
                return true;
        }
    }

    private StrongBox<int> Of(ClusterState cluster) => saved.GetValue(cluster, static _ => new StrongBox<int>(Most));
}
