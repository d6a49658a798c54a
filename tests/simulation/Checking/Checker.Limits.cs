using JitGrains.Simulation.Edges;
using JitGrains.Simulation.Machine;

namespace JitGrains.Simulation.Checking;

/// <summary>
/// The shared limit of lists: 32 within any 8 s, in the checker's own count. docs/policy.md says what more can be admitted: a sixteenth for
/// each gateway that holds it while others hold all of the limit. Where a gateway's renewal of its part takes long, is lost, or is forgotten by
/// a store that went back or crashed, or a gateway gave its part back and stopped (what it had used of a limit per API is
/// forgotten), up to a gateway's whole part once more; judged is then
/// that no gateway gives more than the limit away.
/// </summary>
internal sealed partial class Checker
{
    private const int Most = 32;
    private const int Least = Most / 16;

    /// <summary>A gateway's clock may be 1% fast, and a call that it let in takes up to 350 ms to its first byte.</summary>
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(7.5);

    /// <summary>What a renewal that went wrong left behind may be in use for as long as a part is leased, and counts.</summary>
    private static readonly TimeSpan Doubtful = TimeSpan.FromSeconds(20);

    private readonly List<(SimProcess Process, TimeSpan At)> lists = [];

    private void JudgeLimit(Started call)
    {
        lists.Add((call.Process, world.Now));
        lists.RemoveAll(l => l.At < world.Now - Within);
        var own = lists.Count(l => l.Process == call.Process);
        if (own > Most && world.Now - call.Process.LastResumed > OnTheWay)
            Violate(8, $"{call.Process.Name} let {own} lists through within {Within.TotalSeconds:F1} s, of {Most}");
        if (world.Now - cluster.TroubledUntil > Doubtful && lists.Count > Most + (Least * cluster.Gateways.Count))
            Violate(8, $"{lists.Count} lists were let through within {Within.TotalSeconds:F1} s, of {Most}");
    }
}
