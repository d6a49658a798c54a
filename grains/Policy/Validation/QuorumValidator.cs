using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Identity;
using JitGrains.Policy.Loading;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Validation;

/// <summary>
/// Finds stages that can never be met, where it is known who could vote: a person counts in one stage only, and never
/// for their own request.
/// </summary>
internal static class QuorumValidator
{
    public static void Validate(BoundPolicy policy, BoundRule rule)
    {
        if (rule.Rule.Approve is not { } approve || rule.Keys["approve"]!.Value.Shape(PolicyShapes.Approve)?["stages"] is not { } at)
            return;
        // Who could not be read might be who is missing.
        if (!AllRead(at, approve.Terms.Stages))
            return;
        // Stages with a group of unknown members can always be met by somebody.
        var closed = approve.Terms.Stages.Select(s => (Stage: s, Voters: Voters(policy, s))).Where(s => s.Voters is not null).Select(s => (s.Stage, Voters: s.Voters!)).ToImmutableArray();
        var tooFew = closed.Where(s => s.Stage.Quorum > s.Voters.Count).ToArray();
        foreach (var (stage, voters) in tooFew)
            at.Error($"the stage '{stage.Name}' needs {stage.Quorum} people and only {voters.Count} can vote in it");
        if (tooFew.Length > 0 || closed.IsEmpty)
            return;
        if (!CanBeMet(closed, null))
            at.Error("these stages can never all be met: a person counts in one stage only, and there are too few");
        else
            Requesters(rule, closed, at);
    }

    private static void Requesters(BoundRule rule, ImmutableArray<(Stage Stage, ImmutableHashSet<PrincipalId> Voters)> closed, Cursor at)
    {
        var stuck = rule.Rule.Who.Principals.Where(p => !CanBeMet(closed, p)).Select(p => p.Value).Order(StringComparer.Ordinal).ToArray();
        if (stuck.Length == 0)
            return;
        if (stuck.Length == rule.Rule.Who.Principals.Count && rule.Rule.Who.Groups.Count == 0)
            at.Error($"these stages can never be met: the requester does not count, and without {string.Join(", ", stuck)} there are too few");
        else
            at.Warning($"requests of {string.Join(", ", stuck)} can never be approved: the requester does not count, and the others are too few");
    }

    private static bool AllRead(Cursor at, ImmutableArray<Stage> stages)
    {
        var written = at.Items().Select(i => i.Shape(PolicyShapes.Stage)).ToArray();
        return written.Length == stages.Length && written.Zip(stages).All(p =>
            p.First is not null && Count(p.First["groups"]) == p.Second.Groups.Length && Count(p.First["principals"]) == p.Second.Principals.Length
            && p.Second.Groups.Length + p.Second.Principals.Length > 0);

        static int Count(Cursor? list) => (list?.Node as YamlList)?.Items.Length ?? 0;
    }

    private static ImmutableHashSet<PrincipalId>? Voters(BoundPolicy policy, Stage stage)
    {
        var all = stage.Principals.ToImmutableHashSet();
        foreach (var group in stage.Groups)
        {
            if (!policy.Names.Groups.TryGetValue(group, out var declared) || declared.Members is null)
                return null;
            all = all.Union(declared.Members);
        }

        return all;
    }

    // A place for each vote needed, and a person for each place (augmenting paths).
    private static bool CanBeMet(ImmutableArray<(Stage Stage, ImmutableHashSet<PrincipalId> Voters)> stages, PrincipalId? without)
    {
        var places = stages.SelectMany(s => Enumerable.Repeat(s.Voters, s.Stage.Quorum)).ToArray();
        var placeOf = new Dictionary<PrincipalId, int>();
        return Enumerable.Range(0, places.Length).All(place => Fill(place, []));

        bool Fill(int place, HashSet<PrincipalId> tried)
        {
            foreach (var person in places[place])
            {
                if (person == without || !tried.Add(person))
                    continue;
                if (!placeOf.TryGetValue(person, out var taken) || Fill(taken, tried))
                {
                    placeOf[person] = place;
                    return true;
                }
            }

            return false;
        }
    }
}
