using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Checking;

/// <summary>Invariant 6: what cannot be checked is refused. Tokens and API keys, and gateways that have lost the store.</summary>
internal sealed partial class Checker
{
    /// <summary>As long as a call may be on its way that was let in before: held, decided by a slow store, connecting.</summary>
    private static readonly TimeSpan OnTheWay = TimeSpan.FromSeconds(10);

    /// <summary>A lease, by a clock that is 1% slow, and the moment between the last check and the byte.</summary>
    private static readonly TimeSpan LongestLease = TimeSpan.FromSeconds(5.25);

    private readonly Dictionary<SimProcess, TimeSpan> renewed = [];

    /// <summary>A gateway wrote its own lease, which may have been a renewal: the last moment at which it can have known that it has one.</summary>
    private void Renewed(SimProcess process) => renewed[process] = world.Now;

    /// <summary>Whether whoever it is may call at all: by the clock of the gateway that let it in.</summary>
    private void Judge(Started call, Presented presented)
    {
        var what = $"{presented.Who} {call.Method} at {call.Process.Name}";
        if (presented.IsForged)
            Violate(6, $"{what} started with a token that its issuer did not sign");
        if (call.WasStopped)
            return;
        var clock = call.Process.Time;
        if (clock.GetUtcNow() > presented.ExpiresAt + (IsApiKey(presented) ? TimeSpan.Zero : SimIssuer.Skew) + Tolerance && world.Now - clock.SetAt > OnTheWay)
            Violate(6, $"{what} started with a token that expired at {presented.ExpiresAt:HH:mm:ss}");
        if (cluster.Issuer.KnownTo(call.Process) is var (key, since) && !IsApiKey(presented) && presented.Key < key && world.Now - since > OnTheWay)
            Violate(6, $"{what} started with a token whose key is withdrawn, as the gateway has known since {since.TotalSeconds:F3}");
    }

    /// <summary>Whether a gateway can still know that it may: under an approve rule within its lease, under others for a while after it.</summary>
    private void JudgeLease(Started call, bool isApproved)
    {
        var longest = isApproved ? LongestLease : LongestLease + Cluster.Host.AllowMaxStale;
        if (!call.WasStopped && world.Now - renewed.GetValueOrDefault(call.Process) is var since && since > longest)
            Violate(6, $"{call.Method} started at {call.Process.Name}, which last wrote its lease {since.TotalSeconds:F3} s before");
    }

    private static bool IsApiKey(Presented presented) => presented.Text.StartsWith("jitk_", StringComparison.Ordinal);
}
