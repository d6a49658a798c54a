using System.Collections.Immutable;
using JitGrains.Identity;

namespace JitGrains.Approvals;

/// <summary>
/// Counts votes: every stage needs its number of distinct people, and a person counts once, in one stage. Which stage a
/// person counts in is chosen so that as many places as possible are filled (maximum bipartite matching, Kuhn), so the
/// answer does not depend on the order of votes. Pure.
/// </summary>
public static class Quorum
{
    /// <summary>How many places of each stage the votes fill.</summary>
    /// <param name="stages">The stages.</param>
    /// <param name="votes">The votes; votes against, repeats and votes of <paramref name="never"/> count for nothing.</param>
    /// <param name="never">The requester and everybody behind the request.</param>
    public static ImmutableArray<int> Count(ImmutableArray<Stage> stages, ImmutableArray<RecordedVote> votes, ImmutableArray<PrincipalId> never)
    {
        var people = votes
            .Where(v => v.Decision == VoteDecision.Approve && !never.Contains(v.Approver))
            .DistinctBy(v => v.Approver)
            .ToArray();

        // One slot for each place to fill.
        var slots = stages.SelectMany((stage, index) => Enumerable.Repeat(index, Math.Clamp(stage.Quorum, 0, people.Length))).ToArray();
        var takenBy = new int[slots.Length];
        Array.Fill(takenBy, -1);
        for (var person = 0; person < people.Length; person++)
            TryPlace(person, new bool[slots.Length]);

        var filled = new int[stages.Length];
        for (var slot = 0; slot < slots.Length; slot++)
        {
            if (takenBy[slot] >= 0)
                filled[slots[slot]]++;
        }

        return [.. filled];

        bool TryPlace(int person, bool[] seen)
        {
            for (var slot = 0; slot < slots.Length; slot++)
            {
                if (seen[slot] || !stages[slots[slot]].Admits(people[person]))
                    continue;
                seen[slot] = true;
                if (takenBy[slot] < 0 || TryPlace(takenBy[slot], seen))
                {
                    takenBy[slot] = person;
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>Whether the votes meet every stage. No stages are met by nothing: only automatic approval needs no vote.</summary>
    public static bool IsMet(ImmutableArray<Stage> stages, ImmutableArray<RecordedVote> votes, ImmutableArray<PrincipalId> never)
    {
        if (stages.IsDefaultOrEmpty)
            return false;
        var filled = Count(stages, votes, never);
        for (var i = 0; i < stages.Length; i++)
        {
            if (stages[i].Quorum < 1 || filled[i] < stages[i].Quorum)
                return false;
        }

        return true;
    }

    /// <summary>Of a person's groups, those that any stage names.</summary>
    public static ImmutableArray<string> Relevant(ImmutableArray<Stage> stages, IEnumerable<string> groups) =>
        [.. groups.Where(g => stages.Any(s => s.Groups.Contains(g, StringComparer.Ordinal))).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>
    /// Whether a grant still stands under the rule as it is now: its votes meet the rule's present stages, or the rule
    /// itself approves this call now and did so then.
    /// </summary>
    public static bool StillStands(Grants.Grant grant, ApprovalTerms current, ImmutableArray<PrincipalId> never) =>
        IsMet(current.Stages, grant.Votes, never) || (grant.Automatic && current.Automatic);
}
