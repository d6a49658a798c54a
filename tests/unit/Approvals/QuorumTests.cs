using System.Collections.Immutable;
using JitGrains.Approvals;
using JitGrains.Identity;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Approvals;

public sealed class QuorumTests
{
    private static readonly ImmutableArray<PrincipalId> Never = [Alice];

    public static TheoryData<string, bool, Stage[], RecordedVote[]> Cases => new()
    {
        { "one of one", true, [Stage()], [Recorded(Bob, Managers)] },
        { "nobody yet", false, [Stage()], [] },
        { "not in the group", false, [Stage()], [Recorded(Bob, Security)] },
        { "named in person", true, [Stage(principals: [Bob])], [Recorded(Bob)] },
        { "somebody else is named", false, [Stage(principals: [Bob])], [Recorded(Carol)] },
        { "the requester never counts", false, [Stage()], [Recorded(Alice, Managers)] },
        { "the requester never counts beside another", false, [Stage(2)], [Recorded(Alice, Managers), Recorded(Bob, Managers)] },
        { "twice the same person is one", false, [Stage(2)], [Recorded(Bob, Managers), Recorded(Bob, Managers)] },
        { "two of two", true, [Stage(2)], [Recorded(Bob, Managers), Recorded(Carol, Managers)] },
        { "one person in two groups fills one stage", false, [Stage(), Stage(groups: [Security])], [Recorded(Bob, Managers, Security)] },
        { "two people, the versatile one first", true, [Stage(), Stage(groups: [Security])], [Recorded(Bob, Managers, Security), Recorded(Carol, Managers)] },
        { "two people, the versatile one last", true, [Stage(), Stage(groups: [Security])], [Recorded(Carol, Managers), Recorded(Bob, Managers, Security)] },
        { "a chain of moves", true,
            [Stage(groups: ["dev:a"]), Stage(groups: ["dev:b"]), Stage(groups: ["dev:c"])],
            [Recorded(Bob, "dev:a", "dev:b"), Recorded(Carol, "dev:b", "dev:c"), Recorded(Dave, "dev:a")] },
        { "two stages of two with three people", false,
            [Stage(2), Stage(2, groups: [Security])],
            [Recorded(Bob, Managers, Security), Recorded(Carol, Managers, Security), Recorded(Dave, Managers, Security)] },
        { "a vote against fills nothing", false, [Stage()], [Recorded(Bob, Managers) with { Decision = VoteDecision.Deny }] },
        { "no stages are met by nothing", false, [], [Recorded(Bob, Managers)] },
        { "a quorum of nought is never met", false, [Stage(0)], [Recorded(Bob, Managers)] },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Votes_meet_stages(string name, bool met, Stage[] stages, RecordedVote[] votes)
    {
        Assert.NotEmpty(name);
        Assert.Equal(met, Quorum.IsMet([.. stages], [.. votes], Never));
    }

    [Fact]
    public void The_order_of_votes_does_not_matter_and_no_person_fills_two_places()
    {
        var random = new Random(20300101);
        string[] groups = ["dev:a", "dev:b", "dev:c", "dev:d"];
        for (var round = 0; round < 2_000; round++)
        {
            ImmutableArray<Stage> stages = [.. Enumerable.Range(0, random.Next(1, 4)).Select(i => Stage(random.Next(1, 3), $"s{i}", [groups[random.Next(4)]]))];
            var votes = Enumerable.Range(0, random.Next(0, 6))
                .Select(i => Recorded(Person($"p{i}"), [.. groups.Where(_ => random.Next(2) == 0)]))
                .ToArray();
            var expected = Quorum.IsMet(stages, [.. votes], Never);
            Assert.Equal(BruteForce(stages, votes), expected);
            random.Shuffle(votes);
            Assert.Equal(expected, Quorum.IsMet(stages, [.. votes], Never));
            Assert.True(Quorum.Count(stages, [.. votes], Never).Sum() <= votes.Length);
        }
    }

    /// <summary>Tries every way of giving each person one stage or none.</summary>
    private static bool BruteForce(ImmutableArray<Stage> stages, RecordedVote[] votes)
    {
        var need = stages.Select(s => s.Quorum).ToArray();
        return Fill(0);

        bool Fill(int person)
        {
            if (need.All(n => n <= 0))
                return true;
            if (person == votes.Length)
                return false;
            for (var stage = 0; stage < stages.Length; stage++)
            {
                if (need[stage] <= 0 || !stages[stage].Admits(votes[person].Approver, votes[person].Groups))
                    continue;
                need[stage]--;
                var met = Fill(person + 1);
                need[stage]++;
                if (met)
                    return true;
            }

            return Fill(person + 1);
        }
    }
}
