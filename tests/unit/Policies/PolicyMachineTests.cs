using JitGrains.Audit;
using JitGrains.Outbox;
using JitGrains.PolicyVersions;
using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Policies;

public sealed class PolicyMachineTests
{
    private static readonly string Good = Silo.SiloHost.Policy;
    private readonly PolicyMachine machine = new();
    private readonly List<AuditDraft> recorded = [];
    private readonly List<OutboxMessage> sent = [];
    private PolicyLedgerState state = new();

    [Fact]
    public void Each_version_has_a_number_and_its_texts_are_sent_to_the_store()
    {
        var first = Apply("cm_1", Good).Value!;
        var second = Apply("cm_2", Good + "\n# more").Value!;
        Assert.Equal((1, null, true), (first.Sequence, first.Before, first.Changed));
        Assert.Equal((2, first.Version, true), (second.Sequence, second.Before, second.Changed));
        Assert.Equal([Good, Good + "\n# more"], sent.OfType<OutboxMessage.ShowPolicy>().Select(s => s.Policy.Files[0].Text));
        Assert.Contains(recorded[1].Fields, f => f is { Name: "before" } && f.Value == first.Version);
        Assert.Contains(recorded[1].Fields, f => f is { Name: "by", Personal: true });
    }

    [Fact]
    public void A_repeated_command_and_the_content_in_force_change_nothing()
    {
        var first = Apply("cm_1", Good).Value!;
        Assert.Equal(first with { Changed = false }, Apply("cm_1", Good).Value);
        Assert.False(Apply("cm_2", Good).Value!.Changed);
        Assert.Single(sent);
        Assert.IsType<Refusal.CommandReused>(Apply("cm_1", Good + "\n#").Refusal);
    }

    [Fact]
    public void A_policy_that_cannot_be_taken_is_refused_with_every_problem()
    {
        var refused = Assert.IsType<Refusal.PolicyInvalid>(Apply("cm_1", Good.Replace("effect: allow", "effect: alow", StringComparison.Ordinal).Replace("methods: [GET]", "metods: [GET]", StringComparison.Ordinal)).Refusal);
        Assert.True(refused.Problems.Length >= 2);
        Assert.Empty(sent);
    }

    [Fact]
    public void What_was_expected_must_be_in_force()
    {
        Assert.Equal(new Refusal.PolicyMoved(""), Apply("cm_1", Good, "sha256-0").Refusal);
        var first = Apply("cm_1", Good, "").Value!;
        Assert.Equal(new Refusal.PolicyMoved(first.Version), Apply("cm_2", Good + "\n#", "").Refusal);
        Assert.NotNull(Apply("cm_2", Good + "\n#", first.Version).Value);
    }

    [Fact]
    public void What_is_remembered_is_bounded()
    {
        for (var i = 0; i < PolicyMachine.Remembered + 5; i++)
            Apply($"cm_{i}", Good + $"\n# {i}");
        Assert.Equal(PolicyMachine.Remembered, state.Recent.Length);
        Assert.Equal(PolicyMachine.Remembered + 5, state.Current!.Sequence);
    }

    private Reply<PolicyApplied> Apply(string command, string text, string? expected = null)
    {
        var decision = PolicyMachine.Decide(state, new ApplyPolicyCommand(command, [new PolicyText("policy.yaml", text)], Sample.Bob, "because", expected), Sample.Start);
        foreach (var happened in decision.Events)
        {
            recorded.AddRange(machine.Audit(state, happened));
            state = machine.Apply(state, happened);
            sent.AddRange(machine.Effects(state, happened));
        }

        return decision.Reply;
    }
}
