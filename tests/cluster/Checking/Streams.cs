using JitGrains.ClusterTests.Histories;

namespace JitGrains.ClusterTests.Checking;

/// <summary>A stream ends when its grant does: soon after that was answered, and soon after its gateway could do anything again.</summary>
internal static class Streams
{
    /// <summary>What a cancelled stream's end may take to get through two TCP connections on a busy machine.</summary>
    public static readonly TimeSpan Slack = TimeSpan.FromSeconds(5);

    public static IEnumerable<Violation> Check(Evidence evidence)
    {
        var arrivals = evidence.Arrivals.Where(a => a.Call.Length > 0).ToLookup(a => a.Call, StringComparer.Ordinal);
        var grants = evidence.Trail.Grants.ToLookup(g => (g.Action, g.Resource));
        var ends = evidence.All<Ended>().Where(e => e.Succeeded)
            .SelectMany(e => e.Grants.Concat(e.Answered).Select(g => (Grant: g, End: e)))
            .ToLookup(e => e.Grant, e => e.End, StringComparer.Ordinal);
        foreach (var stream in evidence.All<Streamed>())
        {
            var mine = grants[(stream.Subject.Action, stream.Subject.Resource)].ToList();
            if (mine.Count == 0)
                continue;
            var over = mine.Max(g => ends[g.Id].Where(e => evidence.IsAbout(e, g)).Select(e => e.AnsweredAt!.Value).Append(g.ExpiresAt).Min());
            foreach (var arrival in arrivals[stream.Id])
            {
                var ended = arrival.EndedAt ?? DateTimeOffset.MaxValue;
                if (ended > Extended(evidence, stream.Process, over) + Slack)
                    yield return new Violation("streams", $"{arrival.Target} by {stream.Process} went on for {(ended - over).TotalMilliseconds:0} ms after its grant was over");
            }
        }
    }

    /// <summary>Later by as long as its gateway was suspended.</summary>
    private static DateTimeOffset Extended(Evidence evidence, string process, DateTimeOffset over)
    {
        var suspended = evidence.Faults.Where(f => f.Process == process && f.Kind == FaultKind.Suspended && f.From <= over + Slack && f.To >= over);
        return suspended.Select(f => f.To).Append(over).Max();
    }
}
