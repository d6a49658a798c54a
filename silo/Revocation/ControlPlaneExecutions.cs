using JitGrains.Grants;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// Executions of the control plane itself: changes of policy under an approve rule. No gateway began them, so no lease tells
/// whether the silo that did still runs. They have a limit instead, far above what a change takes where everybody has to be
/// waited out: what is open for longer was cut off. The time counts from when this process first saw it, by its own clock, so
/// that no two clocks are compared. Not thread-safe.
/// </summary>
internal sealed class ControlPlaneExecutions(LeaseTime time)
{
    /// <summary>In the place of a gateway's incarnation.</summary>
    public const string Incarnation = "control-plane";

    /// <summary>How long one may be without an outcome.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(5);

    private readonly Dictionary<string, long> firstSeen = new(StringComparer.Ordinal);

    /// <summary>Of those that are open now, the ones that nobody will end.</summary>
    public IReadOnlyList<ExecutionRecord> CutOff(IEnumerable<ExecutionRecord> open)
    {
        var own = open.Where(e => e.Incarnation == Incarnation).ToDictionary(e => e.Id, StringComparer.Ordinal);
        foreach (var ended in firstSeen.Keys.Where(id => !own.ContainsKey(id)).ToArray())
            firstSeen.Remove(ended);
        foreach (var id in own.Keys)
            firstSeen.TryAdd(id, time.Provider.GetTimestamp());
        return [.. own.Values.Where(e => time.Provider.GetElapsedTime(firstSeen[e.Id]) > Longest)];
    }
}
