using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Recording;

namespace JitGrains.ClusterTests.Checking;

/// <summary>
/// Holds what clients were told, what the upstream saw and what the audit trail says against the invariants (docs/security.md,
/// and tests/cluster/README.md for what each check is). Pure: no clock, no I/O.
/// </summary>
internal static class Checker
{
    private const int PerSuspension = 2;

    public static IReadOnlyList<Violation> Check(Evidence evidence) =>
    [
        .. Starts.Check(evidence),
        .. Uses(evidence),
        .. Decisions(evidence),
        .. Recorded(evidence),
        .. Answered(evidence),
        .. Streams.Check(evidence),
        .. evidence.All<Verified>().Where(v => v.Problems.Count > 0).Select(v => new Violation("audit verifies", $"at {v.SentAt:O}: {string.Join("; ", v.Problems)}")),
        .. evidence.Deeds.Where(d => d.Status == 500).Select(d => new Violation("failures", $"{d.GetType().Name} sent to {d.Process} at {d.SentAt:O} was answered 500")),
    ];

    /// <summary>Of what was found, the violations: all but what suspensions may leave, which is one call for each core of the machine.</summary>
    public static IReadOnlyList<Violation> Violations(IReadOnlyList<Violation> found, IReadOnlyCollection<Fault> faults) =>
        found.Count(f => f.Invariant == Starts.Remainder) <= PerSuspension * faults.Count(f => f.Kind == FaultKind.Suspended)
            ? [.. found.Where(f => f.Invariant != Starts.Remainder)]
            : found;

    /// <summary>Uses never exceed the grants', no attempt is sent twice, and each is in the trail before it starts.</summary>
    private static IEnumerable<Violation> Uses(Evidence evidence)
    {
        var counted = evidence.Arrivals.Where(a => Starts.SubjectOf(evidence, a)?.Gate == Gate.Counted).ToList();
        foreach (var twice in counted.Where(a => a.Call.Length > 0).GroupBy(a => a.Call, StringComparer.Ordinal).Where(g => g.Count() > 1))
            yield return new Violation("uses", $"attempt {twice.Key} of {twice.First().Target} arrived {twice.Count()} times");

        var grants = evidence.Trail.Grants.ToLookup(g => (g.Action, g.Resource));
        var taken = evidence.Trail.Entries.Where(e => e.Type == "grant.consumed").ToLookup(e => e.Grant!, e => e.At, StringComparer.Ordinal);
        foreach (var calls in counted.Where(a => evidence.Restore is not { } r || a.At > r.UpAt).GroupBy(a => Subject.OrderOf(a.Target), StringComparer.Ordinal))
        {
            var subject = evidence.Subjects[calls.Key];
            var mine = grants[(subject.Action, subject.Resource)].Where(g => evidence.Restore is not { } r || g.IssuedAt > r.UpAt).ToList();
            var granted = mine.Sum(g => g.Uses ?? int.MaxValue / 1000);
            if (calls.Count() > granted)
                yield return new Violation("uses", $"{subject.Action} {subject.Resource} arrived {calls.Count()} times, of {granted} granted");

            var uses = mine.SelectMany(g => taken[g.Id]).Order().ToList();
            var arrivals = calls.Select(a => a.At).Order().ToList();
            for (var i = 0; i < arrivals.Count; i++)
            {
                if (i >= uses.Count || uses[i] > arrivals[i])
                {
                    yield return new Violation("audit first", $"{subject.Action} {subject.Resource} arrived {arrivals.Count} times, with {uses.Count} uses on record; number {i + 1} at {arrivals[i]:O}");
                    break;
                }
            }
        }

        var outcomes = evidence.Trail.Entries.Where(e => e.Type == "execution.outcome").ToLookup(e => e.What!, StringComparer.Ordinal);
        foreach (var execution in evidence.Trail.Entries.Where(e => e.Type == "grant.consumed" && outcomes[e.What!].Count() != 1))
            yield return new Violation("outcomes", $"execution {execution.What} of {execution.Request} has {outcomes[execution.What!].Count()} outcomes on record");

        foreach (var grant in evidence.Trail.Grants.Where(g => g.Uses is not null && taken[g.Id].Count() > g.Uses))
            yield return new Violation("uses", $"{grant.Id} has {taken[grant.Id].Count()} uses on record, of {grant.Uses}");
    }

    /// <summary>A request is decided once, gets one grant at most, and an approver counts once.</summary>
    private static IEnumerable<Violation> Decisions(Evidence evidence)
    {
        foreach (var request in evidence.Trail.Entries.GroupBy(e => e.Request, StringComparer.Ordinal))
        {
            var decisions = request.Where(e => Trail.Decisions.Contains(e.Type, StringComparer.Ordinal)).ToList();
            // A grant that its holder's grain rejected makes an approved request a failed one.
            if (decisions.Count > 1 && decisions is not [{ Type: "request.approved" }, { Type: "request.failed" }])
                yield return new Violation("decided once", $"{request.Key}: {string.Join(", ", decisions.Select(d => d.Type))}");
            if (request.Count(e => e.Type == "grant.issued") > 1)
                yield return new Violation("decided once", $"{request.Key} has {request.Count(e => e.Type == "grant.issued")} grants");
            foreach (var votes in request.Where(e => e.Type == "vote.cast").GroupBy(e => e.Who, StringComparer.Ordinal).Where(v => v.Count() > 1))
                yield return new Violation("decided once", $"{votes.Key} counts {votes.Count()} times for {request.Key}");
        }

        var read = evidence.All<Seen>().Where(s => s.Succeeded && s.Read != "pending" && evidence.IsKept(s));
        foreach (var statuses in read.GroupBy(s => s.Request, StringComparer.Ordinal).Where(s => s.Select(r => r.Read).Distinct(StringComparer.Ordinal).Count() > 1))
            yield return new Violation("decided once", $"{statuses.Key} was read as {string.Join(" and ", statuses.Select(s => s.Read).Distinct(StringComparer.Ordinal))}");
    }

    /// <summary>Nothing that was acknowledged is missing from the trail.</summary>
    private static IEnumerable<Violation> Recorded(Evidence evidence)
    {
        var entries = evidence.Trail.Entries;
        var byRequest = entries.ToLookup(e => e.Request, StringComparer.Ordinal);
        foreach (var asked in evidence.All<Asked>().Where(a => a.Succeeded && evidence.IsKept(a)))
        {
            if (!byRequest[asked.Request].Any(e => e.Type == "request.raised"))
                yield return Lost(asked, $"request {asked.Request}");
        }

        foreach (var vote in evidence.All<Voted>().Where(v => v.Succeeded && evidence.IsKept(v)))
        {
            if (!byRequest[vote.Request].Any(e => e.Type == "vote.cast" && e.Who == vote.Approver && e.What == vote.Decision))
                yield return Lost(vote, $"{vote.Approver}'s vote ({vote.Decision}) on {vote.Request}");
        }

        foreach (var seen in evidence.All<Seen>().Where(s => s.Succeeded && s.Read is "approved" or "denied" or "cancelled" && evidence.IsKept(s)))
        {
            if (!byRequest[seen.Request].Any(e => e.Type == "request." + seen.Read))
                yield return Lost(seen, $"{seen.Request}, read as {seen.Read}");
        }

        foreach (var cancelled in evidence.All<Cancelled>().Where(c => c.Succeeded && evidence.IsKept(c)))
        {
            if (!byRequest[cancelled.Request].Any(e => e.Type == "request.cancelled"))
                yield return Lost(cancelled, $"that {cancelled.Request} was cancelled");
        }

        var ended = entries.Where(e => e.Type is "grant.revoked" or "grant.released").Select(e => e.Grant!).ToHashSet(StringComparer.Ordinal);
        foreach (var end in evidence.All<Ended>().Where(e => e.Succeeded && evidence.IsKept(e)))
        {
            foreach (var grant in end.Answered.Where(g => !ended.Contains(g)))
                yield return Lost(end, $"that {grant} was ended ({end.Kind})");
        }
    }

    /// <summary>A caller with the upstream's answer was at the upstream.</summary>
    private static IEnumerable<Violation> Answered(Evidence evidence)
    {
        var arrived = evidence.Arrivals.Select(a => a.Call).ToHashSet(StringComparer.Ordinal);
        return evidence.All<Call>().Where(c => c.Succeeded && !arrived.Contains(c.Id))
            .Select(c => new Violation("answers", $"{c.Id} ({c.Subject.Action}) was answered {c.Status}, and never arrived"));
    }

    private static Violation Lost(Deed deed, string what) => new("nothing acknowledged is lost", $"{what}, acknowledged by {deed.Process} at {deed.AnsweredAt:O}");
}
