using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Restrictions;
using JitGrains.Shell;
using static JitGrains.TestSupport.Sample;

namespace JitGrains.UnitTests.Restrictions;

public sealed class RestrictionsMachineTests
{
    private readonly RestrictionsMachine machine = new();
    private readonly List<AuditDraft> recorded = [];
    private RestrictionsState state = new();

    private DateTimeOffset now = Start;

    [Fact]
    public void A_block_holds_until_it_is_taken_back_and_each_command_counts_once()
    {
        Run(RestrictionsMachine.Decide(state, new BlockCommand("cm_1", Alice, Dave, "lost laptop"), now));
        Assert.Equal(Alice, Assert.Single(RestrictionsMachine.View(state).Blocks).Principal);
        Run(RestrictionsMachine.Decide(state, new BlockCommand("cm_2", Alice, Carol, null), now));
        Assert.Equal(Dave, state.Blocks[Alice.Value].By);
        Assert.Equal(1, state.Version);
        Run(RestrictionsMachine.Decide(state, new UnblockCommand("cm_3", Alice, Dave, null)));
        Assert.Empty(state.Blocks);
        // A repeat of the first command, whose answer was lost, does not bring it back.
        Run(RestrictionsMachine.Decide(state, new BlockCommand("cm_1", Alice, Dave, "lost laptop"), now));
        Run(RestrictionsMachine.Decide(state, new BlockCommand("cm_2", Alice, Dave, null), now));
        Assert.Empty(state.Blocks);
        Assert.Equal([AuditTypes.PrincipalBlocked, AuditTypes.PrincipalUnblocked], recorded.Select(r => r.Type));
    }

    [Fact]
    public void Blocks_are_bounded()
    {
        for (var i = 0; i < RestrictionsMachine.MaxBlocks; i++)
            state = state with { Blocks = state.Blocks.Add($"dev:user:u{i}", new PrincipalBlock(Person($"u{i}"), Dave, now, null)) };
        Assert.IsType<Refusal.TooManyEntries>(Run(RestrictionsMachine.Decide(state, new BlockCommand("cm_1", Alice, Dave, null), now)).Refusal);
    }

    public static TheoryData<SelectorKind, string, bool> Selectors => new()
    {
        { SelectorKind.Api, "orders", true },
        { SelectorKind.Api, "billing", false },
        { SelectorKind.Action, "orders.refund", true },
        { SelectorKind.Action, "orders.read", false },
        { SelectorKind.Issuer, "dev", true },
        { SelectorKind.Issuer, "ci", true },
        { SelectorKind.Issuer, "prod", false },
        { SelectorKind.Approver, "dev:user:bob", true },
        { SelectorKind.Approver, "dev:user:carol", false },
    };

    [Theory]
    [MemberData(nameof(Selectors))]
    public void What_matches_and_was_approved_by_then_is_revoked_and_what_comes_later_is_not(SelectorKind kind, string value, bool matches)
    {
        var grant = Grant() with { NotBefore = now, Votes = [Recorded(Bob, Managers)], Actors = [new("ci:service:builder")] };
        Run(RestrictionsMachine.Decide(state, new RevokeMatchingCommand("cm_1", new GrantSelector(kind, value), false, Dave, null), now));
        var revocation = Assert.Single(state.Revocations);
        Assert.Equal(matches, revocation.Covers(grant));
        Assert.False(revocation.Covers(grant with { NotBefore = now.AddTicks(1) }));
    }

    [Fact]
    public void The_same_selector_again_reaches_further_and_takes_no_further_place()
    {
        Revoke("cm_1", "orders.refund");
        now += TimeSpan.FromHours(1);
        Revoke("cm_2", "orders.refund");
        Assert.Equal(now, Assert.Single(state.Revocations).UpTo);
        // Repeated late, the first command changes nothing.
        now += TimeSpan.FromHours(1);
        Revoke("cm_1", "orders.refund");
        Assert.Equal(now - TimeSpan.FromHours(1), Assert.Single(state.Revocations).UpTo);
        Assert.Equal(2, state.Version);
    }

    [Fact]
    public void A_revocation_is_kept_as_long_as_a_grant_can_live_and_then_dropped()
    {
        Revoke("cm_1", "orders.refund");
        var due = machine.NextDue(state)!.Value;
        Assert.True(due > now + JitGrains.Approvals.ApprovalTerms.LongestWindow);
        Assert.Empty(machine.Tick(state, due.AddTicks(-1)));
        foreach (var happened in machine.Tick(state, due))
            state = machine.Apply(state, happened);
        Assert.Empty(state.Revocations);
        Assert.Null(machine.NextDue(state));
    }

    [Fact]
    public void Revocations_are_bounded_and_old_ones_make_room()
    {
        for (var i = 0; i < RestrictionsMachine.MaxRevocations; i++)
            Assert.NotNull(Revoke($"cm_{i}", $"a{i}").Value);
        Assert.IsType<Refusal.TooManyEntries>(Revoke("cm_more", "more").Refusal);
        now += RestrictionsMachine.Keep;
        Assert.NotNull(Revoke("cm_later", "more").Value);
        Assert.Single(state.Revocations);
    }

    private Reply<RestrictionsView> Revoke(string command, string action) =>
        Run(RestrictionsMachine.Decide(state, new RevokeMatchingCommand(command, new GrantSelector(SelectorKind.Action, action), true, Dave, "why"), now));

    private Reply<RestrictionsView> Run(Decision<RestrictionsEvent, RestrictionsView> decision)
    {
        foreach (var happened in decision.Events)
        {
            recorded.AddRange(machine.Audit(state, happened));
            state = machine.Apply(state, happened);
        }

        Assert.Equal(decision.Reply.Value?.Version ?? state.Version, state.Version);
        return decision.Reply;
    }
}
