using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace JitGrains.Gateway.Forwarding;

/// <summary>
/// Picks the upstream with the fewest calls of this gateway under way. It counts them itself: YARP's own policy of the kind
/// goes by a count that only YARP's middleware keeps, which calls do not pass here. Thread-safe.
/// </summary>
internal sealed class FewestCalls : ILoadBalancingPolicy
{
    public const string PolicyName = "JitGrains.FewestCalls";

    private readonly ConditionalWeakTable<DestinationState, StrongBox<int>> counts = [];
    private uint turn;

    public string Name => PolicyName;

    public DestinationState? PickDestination(HttpContext context, ClusterState cluster, IReadOnlyList<DestinationState> availableDestinations)
    {
        DestinationState? best = null;
        var fewest = int.MaxValue;
        // From another place each time: of several idle ones not always the first.
        var from = availableDestinations.Count == 0 ? 0 : (int)(Interlocked.Increment(ref turn) % (uint)availableDestinations.Count);
        for (var i = 0; i < availableDestinations.Count; i++)
        {
            var destination = availableDestinations[(from + i) % availableDestinations.Count];
            var count = Volatile.Read(ref Of(destination).Value);
            if (count < fewest)
                (best, fewest) = (destination, count);
        }

        return best;
    }

    /// <summary>A call goes to it.</summary>
    public void Begin(DestinationState destination) => Interlocked.Increment(ref Of(destination).Value);

    /// <summary>That call is over.</summary>
    public void End(DestinationState destination) => Interlocked.Decrement(ref Of(destination).Value);

    private StrongBox<int> Of(DestinationState destination) => counts.GetValue(destination, static _ => new StrongBox<int>());
}
