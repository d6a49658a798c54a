using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Recording;

namespace JitGrains.ClusterTests.Checking;

/// <summary>
/// Nothing starts under an approve rule without a grant that covers it then: issued before, not past its expiry, and not ended
/// by anybody who was already told so. Times are those of the kernel: when the call's first byte arrived, and when the
/// revocation's answer did. Where the first byte waited to be read and more came after it, the earliest it can have come counts.
/// </summary>
internal static class Starts
{
    /// <summary>
    /// Between the last look at the clock and the byte, a thread can lose its core. For expiry nobody waits for it, so that
    /// much is allowed; it is printed. For what was ended it is not: an answer is given only after that moment has passed.
    /// </summary>
    public static readonly TimeSpan ExpirySlack = TimeSpan.FromMilliseconds(250);

    /// <summary>A lease that was got before a database went away: that long a gateway may go on by what it has in memory.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(5);

    /// <summary>
    /// What design and docs state as left: a process suspended between its last check and the write of the byte. So a call
    /// that was on its way when its gateway was suspended, and went out at once when it was resumed. Counted and bounded.
    /// </summary>
    public const string Remainder = "remainder";

    private static readonly TimeSpan AtOnce = TimeSpan.FromMilliseconds(100);

    public static Subject? SubjectOf(Evidence evidence, Arrival arrival) => evidence.Subjects.GetValueOrDefault(Subject.OrderOf(arrival.Target));

    public static IEnumerable<Violation> Check(Evidence evidence)
    {
        var calls = evidence.All<Call>().Select(c => (c.Id, c.Subject, c.Process, c.SentAt))
            .Concat(evidence.All<Streamed>().Select(s => (s.Id, s.Subject, s.Process, s.SentAt)))
            .ToDictionary(c => c.Id, StringComparer.Ordinal);
        var grants = evidence.Trail.Grants.ToLookup(g => (g.Action, g.Resource, g.Principal));
        var ends = Ends(evidence);
        var blocks = evidence.All<Ended>().Where(e => e.Kind == EndKind.Block && e.Succeeded)
            .ToLookup(e => e.Principal!, StringComparer.Ordinal);
        foreach (var arrival in evidence.Arrivals)
        {
            if (SubjectOf(evidence, arrival) is not { } subject)
            {
                yield return new Violation("starts", $"{arrival.Target} arrived, and nobody ever called it");
                continue;
            }

            if (arrival.Call.Length == 0 || !calls.TryGetValue(arrival.Call, out var call) || call.Subject != subject)
            {
                yield return new Violation("starts", $"{arrival.Target} arrived as {arrival.Call}, which nobody sent");
                continue;
            }

            var from = arrival.From is { } earliest && earliest > call.SentAt ? earliest : call.SentAt;
            var refused = subject.Gate == Gate.Allow
                ? Blocked(evidence, blocks, from, subject)
                : Refusal(evidence, arrival, from, grants[(subject.Action, subject.Resource, subject.Caller)], ends);
            if (refused is { } why)
                yield return new Violation(IsRemainder(evidence, call.Process, call.SentAt, arrival.At) ? Remainder : "starts", $"{arrival.Target} arrived at {arrival.At:O} by {call.Process} (sent {(arrival.At - call.SentAt).TotalMilliseconds:0} ms before{Doing(evidence, call.Process, arrival.At)}): {why}");
        }
    }

    /// <summary>How long after its grant's expiry anything started, at most.</summary>
    public static TimeSpan Latest(Evidence evidence)
    {
        var grants = evidence.Trail.Grants.ToLookup(g => (g.Action, g.Resource));
        return evidence.Arrivals
            .Select(a => SubjectOf(evidence, a) is { Gate: not Gate.Allow } s && grants[(s.Action, s.Resource)].ToList() is { Count: > 0 } mine ? a.From - mine.Max(g => g.ExpiresAt) : null)
            .Append(TimeSpan.Zero)
            .Max()!.Value;
    }

    /// <summary>Why it must not have started, or null where it might.</summary>
    private static string? Refusal(
        Evidence evidence, Arrival arrival, DateTimeOffset from, IEnumerable<TrailGrant> grants, ILookup<string, Ended> ends)
    {
        var restore = evidence.Restore;
        var why = new List<string>();
        foreach (var grant in grants)
        {
            if (grant.IssuedAt > arrival.At)
                why.Add($"{grant.Id} was issued {Milliseconds(grant.IssuedAt - arrival.At)} later");
            else if (from >= grant.ExpiresAt + ExpirySlack)
                why.Add($"{grant.Id} had expired {Milliseconds(from - grant.ExpiresAt)} before");
            else if (ends[grant.Id].FirstOrDefault(e => evidence.IsAbout(e, grant)) is { } end && from > end.AnsweredAt)
                why.Add($"the end of {grant.Id} had been answered {Milliseconds(from - end.AnsweredAt!.Value)} before ({end.Kind}, {Asked(end)})");
            else if (restore is not null && grant.IssuedAt <= restore.DownAt && from > restore.DownAt + Lease)
                why.Add($"{grant.Id} is from before the restore");
            else
                return null;
        }

        // What was granted after the copy and before the restore is in no trail that is left: it may be what let this through.
        if (restore is not null && arrival.At >= restore.CopiedAt && arrival.At <= restore.DownAt + Lease)
            return null;
        return why.Count == 0 ? "no grant is about it" : string.Join("; ", why);
    }

    private static bool IsRemainder(Evidence evidence, string process, DateTimeOffset sent, DateTimeOffset at) => evidence.Faults.Any(f =>
        f.Process == process && f.Kind == FaultKind.Suspended && sent <= f.From + AtOnce && at >= f.To - AtOnce && at <= f.To + AtOnce);

    /// <summary>What an older copy may have forgotten holds no longer than until it takes the database's place.</summary>
    private static string? Blocked(Evidence evidence, ILookup<string, Ended> blocks, DateTimeOffset from, Subject subject) =>
        blocks[subject.Caller].Where(b => evidence.Restore is not { } r || from <= r.DownAt || b.AnsweredAt < r.CopiedAt || b.AnsweredAt > r.UpAt).MinBy(b => b.AnsweredAt) is { } block && from > block.AnsweredAt
            ? $"{subject.Caller} was blocked {Milliseconds(from - block.AnsweredAt!.Value)} before ({Asked(block)})" : null;

    private static string Asked(Ended end) =>
        $"asked for {Milliseconds(end.AnsweredAt!.Value - end.SentAt)} earlier at {end.Process}, {end.Acknowledged} acknowledged, {end.Condemned} condemned";

    /// <summary>For each grant, when somebody was told that it is over, the first first.</summary>
    private static ILookup<string, Ended> Ends(Evidence evidence) =>
        evidence.All<Ended>().Where(e => e.Succeeded).OrderBy(e => e.AnsweredAt)
            .SelectMany(e => e.Grants.Union(e.Answered, StringComparer.Ordinal).Select(g => (Grant: g, End: e)))
            .ToLookup(e => e.Grant, e => e.End, StringComparer.Ordinal);

    private static string Doing(Evidence evidence, string process, DateTimeOffset at)
    {
        var fault = evidence.Faults.LastOrDefault(f => f.Process == process && f.From <= at && at <= f.To + TimeSpan.FromSeconds(1));
        return fault is null ? "" : $", {process} {fault.Kind} {(at - fault.From).TotalMilliseconds:0} ms after it began, {(at - fault.To).TotalMilliseconds:0} after it ended";
    }

    private static string Milliseconds(TimeSpan time) => $"{time.TotalMilliseconds:0.###} ms";
}
