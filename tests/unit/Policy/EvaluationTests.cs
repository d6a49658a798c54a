using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

public class EvaluationTests
{
    private const string Head = """
        version: 1
        realm: dev
        groups: {managers: {}, security: {}, owners: {}}
        apis:
          a:
            upstreams: ["http://127.0.0.1:1"]
            actions:
              a.pay: {methods: [POST], path: "/pay/{id}", binding: action}

        rules:

        """;

    private static PolicyDecision Decide(string rules, Caller? caller = null, string? body = null) =>
        Given.Policy(Head + rules).Decide(Given.Request("POST /pay/1"), caller, body);

    private static string Approve(string name, string stages, string more = "", string who = "anyone: true") =>
        $"- {{name: {name}, who: {{{who}}}, actions: {{names: [a.pay]}}, effect: approve, approve: {{stages: [{stages}]{more}}}}}\n";

    [Fact]
    public void Deny_beats_approve_beats_allow_in_any_order()
    {
        string[] rules =
        [
            "- {name: d, who: {groups: [security]}, actions: {names: [a.pay]}, effect: deny}\n",
            Approve("q", "{groups: [managers]}", who: "groups: [managers, security]"),
            "- {name: w, who: {groups: [owners, managers, security]}, actions: {names: [a.pay]}, effect: allow}\n",
        ];
        foreach (var order in new[] { (0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1) })
        {
            var text = rules[order.Item1] + rules[order.Item2] + rules[order.Item3];
            Assert.Equal(new PolicyDecision.Deny("d"), Decide(text, Given.Caller(groups: "security")));
            Assert.Equal("q", Assert.IsType<PolicyDecision.Approve>(Decide(text, Given.Caller(groups: "managers"))).Rule);
            Assert.Equal(new PolicyDecision.Allow("w"), Decide(text, Given.Caller(groups: "owners")));
            Assert.Equal(new PolicyDecision.Deny(null), Decide(text, Given.Caller()));
        }
    }

    [Fact]
    public void Several_approve_rules_demand_all_that_any_of_them_demands()
    {
        var decision = Assert.IsType<PolicyDecision.Approve>(Decide(
            Approve("one", "{name: m, groups: [managers], quorum: 1}", ", uses: unlimited, window: {default: 20m, max: 1h}, decide_within: 1h, denial_cooldown: 1m")
            + Approve("two", "{name: m, groups: [managers], quorum: 2}, {name: s, groups: [security]}", ", uses: {default: 2, max: 5}, window: 30m, reason: required, decide_within: 10m")));
        var terms = decision.Terms;
        Assert.Equal(("one+two", "one+two"), (decision.Rule, terms.Rule));
        Assert.Equal(["one/m:2", "two/s:1"], terms.Stages.Select(s => $"{s.Name}:{s.Quorum}"));
        Assert.Equal((2, 5, true, false), (terms.DefaultUses, terms.MaxUses, terms.ReasonRequired, terms.Automatic));
        Assert.Equal((20, 30, 10, 10), (terms.DefaultWindow.TotalMinutes, terms.MaxWindow.TotalMinutes, terms.DecideWithin.TotalMinutes, terms.DenialCooldown.TotalMinutes));
    }

    [Fact]
    public void Two_stages_of_one_rule_stay_two_though_another_rule_has_one_of_the_same_voters()
    {
        const string Twice = "{name: a, groups: [managers]}, {name: b, groups: [managers]}";
        foreach (var rules in new[] { Approve("one", "{groups: [managers]}") + Approve("two", Twice), Approve("two", Twice) + Approve("one", "{groups: [managers]}") })
            Assert.Equal(2, Assert.IsType<PolicyDecision.Approve>(Decide(rules)).Terms.Stages.Length);
    }

    [Fact]
    public void Policy_approves_only_where_every_rule_does()
    {
        var rules = Approve("one", "{groups: [managers]}", ", auto: {body: {n: {less_than: 10}}}") + Approve("two", "{groups: [managers]}", ", auto: {body: {m: {less_than: 10}}}");
        Assert.True(Automatic("""{"n":1,"m":1}"""));
        Assert.False(Automatic("""{"n":1,"m":11}"""));
        Assert.False(Automatic("""{"n":1}"""));
        Assert.False(Automatic(null));

        bool Automatic(string? body) => Assert.IsType<PolicyDecision.Approve>(Decide(rules, body: body)).Terms.Automatic;
    }

    [Fact]
    public void A_rule_that_only_policy_can_approve_denies_where_policy_does_not()
    {
        const string Auto = "- {name: auto, who: {anyone: true}, actions: {names: [a.pay]}, effect: approve, approve: {auto: {body: {n: 1}}}}\n";
        Assert.True(Assert.IsType<PolicyDecision.Approve>(Decide(Auto, body: """{"n":1}""")).Terms.Automatic);
        Assert.Equal(new PolicyDecision.Deny("auto"), Decide(Auto, body: """{"n":2}"""));
        Assert.Equal(new PolicyDecision.Deny("auto+one"), Decide(Auto + Approve("one", "{groups: [managers]}"), body: """{"n":2}"""));
        Assert.Equal("auto+one", Assert.IsType<PolicyDecision.Approve>(Decide(Auto + Approve("one", "{groups: [managers]}"), body: """{"n":1}""")).Rule);
    }

    [Theory]
    [InlineData("principals: [user:alice]", "", true)]
    [InlineData("principals: [user:bob]", "", false)]
    [InlineData("principals: [user:bob], groups: [managers]", "managers", true)]
    [InlineData("groups: [managers]", "owners", false)]
    [InlineData("principals: [\"other:user:alice\"]", "", false)]
    [InlineData("groups: [managers], claims: {level: {at_least: 3}}", "managers", true)]
    [InlineData("groups: [managers], claims: {level: {at_least: 4}}", "managers", false)]
    [InlineData("claims: {level: 3}", "", true)]
    public void Who_is_anybody_listed_with_all_claims(string who, string groups, bool allowed)
    {
        var decision = Decide($"- {{name: r, who: {{{who}}}, actions: {{names: [a.pay]}}, effect: allow}}\n", Given.Caller(groups: groups, claims: """{"level":3}"""));
        Assert.Equal(allowed, decision is PolicyDecision.Allow);
    }

    [Fact]
    public void What_an_actor_may_do_is_not_the_subjects_but_what_restricts_it_is()
    {
        var agentFor = Given.Caller("dev:user:alice", actors: "dev:agent:bot");
        var agent = Given.Caller("dev:agent:bot");
        const string Allow = "- {name: r, who: {principals: [\"agent:bot\"]}, actions: {names: [a.pay]}, effect: allow}\n";
        Assert.IsType<PolicyDecision.Allow>(Decide(Allow, agent));
        Assert.Equal(new PolicyDecision.Deny(null), Decide(Allow, agentFor));

        const string Baseline = "- {name: base, who: {anyone: true}, actions: {names: [a.pay]}, effect: allow}\n";
        var deny = Allow.Replace("allow", "deny", StringComparison.Ordinal);
        Assert.Equal(new PolicyDecision.Deny("r"), Decide(deny + Baseline, agentFor));
        Assert.Equal(new PolicyDecision.Allow("base"), Decide(deny + Baseline, Given.Caller()));

        var approve = Approve("ask", "{groups: [managers]}", who: "principals: [\"agent:bot\"]");
        Assert.IsType<PolicyDecision.Approve>(Decide(approve + Baseline, agentFor));
        Assert.IsType<PolicyDecision.Approve>(Decide(approve, agent));
        Assert.Equal(new PolicyDecision.Deny(null), Decide(approve, agentFor));
    }

    [Theory]
    [InlineData("any", "", false, false)]
    [InlineData("any", "agent:bot", true, true)]
    [InlineData("none", "", true, true)]
    [InlineData("none", "agent:bot", false, false)]
    [InlineData("[agent:bot]", "", false, false)]
    [InlineData("[agent:bot]", "agent:bot", true, true)]
    [InlineData("[agent:bot]", "agent:other", false, false)]
    [InlineData("[agent:bot, agent:other]", "agent:other agent:bot", true, true)]
    [InlineData("[agent:bot]", "agent:bot agent:other", false, true)]
    [InlineData("[agent:bot]", "agent:other agent:bot", false, true)]
    public void A_rule_can_be_about_calls_through_actors(string through, string actors, bool allows, bool denies)
    {
        var caller = Given.Caller(groups: "managers", actors: [.. actors.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(a => "dev:" + a)]);
        var rule = $"- {{name: r, who: {{groups: [managers], actors: {through}}}, actions: {{names: [a.pay]}}, effect: allow}}\n";
        Assert.Equal(allows, Decide(rule, caller) is PolicyDecision.Allow);
        const string Baseline = "- {name: base, who: {anyone: true}, actions: {names: [a.pay]}, effect: allow}\n";
        Assert.Equal(denies, Decide(rule.Replace("effect: allow", "effect: deny", StringComparison.Ordinal) + Baseline, caller) is PolicyDecision.Deny);
        Assert.Equal(denies, Decide(Approve("ask", "{groups: [managers]}", who: $"groups: [managers], actors: {through}") + Baseline, caller) is PolicyDecision.Approve);
        Assert.Equal(new PolicyDecision.Deny(null), Decide(rule, Given.Caller(actors: [.. caller.Actors.Select(a => a.Value)])));
    }

    [Fact]
    public void An_approve_rule_that_may_not_be_about_the_caller_restricts_and_does_not_invite()
    {
        var rule = Approve("sre", "{groups: [managers]}", who: "claims: {team: sre}");
        const string Baseline = "- {name: base, who: {anyone: true}, actions: {names: [a.pay]}, effect: allow}\n";
        var without = Given.Caller();
        Assert.IsType<PolicyDecision.Approve>(Decide(rule, Given.Caller(claims: """{"team":"sre"}""")));
        Assert.Equal(new PolicyDecision.Deny(null), Decide(rule, without));
        Assert.IsType<PolicyDecision.Approve>(Decide(rule + Baseline, without));
        Assert.IsType<PolicyDecision.Allow>(Decide(rule + Baseline, Given.Caller(claims: """{"team":"web"}""")));
    }

    [Fact]
    public void An_ask_ahead_of_any_call_leaves_what_only_a_call_has_unknown()
    {
        var policy = Given.Policy(Head + """
            - {name: base, who: {anyone: true}, actions: {names: [a.pay]}, effect: allow}
            - {name: ask, who: {anyone: true}, actions: {names: [a.pay]}, when: {path: {id: {prefix: big}}}, effect: approve, approve: {stages: [{groups: [managers]}]}}
            """);
        var (api, action) = policy.FindAction("a.pay")!.Value;
        var input = new PolicyInput { Caller = Given.Caller(), Api = api, Action = action, Now = Given.Noon };
        Assert.IsType<PolicyDecision.Approve>(policy.Evaluate(input));
        Assert.True(policy.TryMakeResource(action, new Dictionary<string, string> { ["id"] = "small" }, out var captures, out _, out _));
        Assert.IsType<PolicyDecision.Allow>(policy.Evaluate(input with { Captures = captures }));
    }

    [Fact]
    public void An_action_of_another_policy_is_denied()
    {
        var policy = Given.Policy(Head + "- {name: base, who: {anyone: true}, actions: {names: [a.pay]}, effect: allow}\n");
        var (api, action) = policy.FindAction("a.pay")!.Value;
        Assert.Equal(new PolicyDecision.Deny(null), policy.Evaluate(new PolicyInput { Caller = Given.Caller(), Api = api, Action = action with { Name = "a.gone" }, Now = Given.Noon }));
        Assert.Null(policy.FindAction("a.gone"));
        Assert.False(policy.TryMakeResource(action with { Name = "a.gone" }, new Dictionary<string, string> { ["id"] = "1" }, out _, out _, out _));
    }

    [Fact]
    public void An_explanation_says_of_each_rule_what_was_true_false_and_unknown_without_quoting_the_call()
    {
        var policy = Given.Policy(Head.Replace("a.pay:", "a.other: {methods: [GET], path: /other}\n      a.pay:", StringComparison.Ordinal) + """
            - {name: other, who: {anyone: true}, actions: {names: [a.other]}, effect: allow}
            - {name: base, who: {groups: [owners]}, actions: {names: [a.pay]}, when: {body: {n: {less_than: 5}}, query: {q: x}}, effect: allow}
            - {name: big, who: {anyone: true}, actions: {names: [a.pay]}, when: {body: {n: {at_least: 5}}}, effect: deny}
            - {name: none, who: {groups: [security]}, actions: {names: [a.pay]}, effect: deny}
            """);
        var request = Given.Request("POST /pay/1?q=secret");
        var match = Assert.IsType<ActionMatch.Found>(policy.Match(request, null));
        var explanation = policy.Explain(policy.Input(match, request, Given.Caller(groups: "owners")));

        Assert.Equal(new PolicyDecision.Deny("big"), explanation.Decision);
        Assert.Equal(
            [
                "other Allow selects=False who=False when=False applied=False decided=False policy.yaml:12:3",
                "base Allow selects=True who=True when=False applied=False decided=False policy.yaml:13:3",
                "big Deny selects=True who=True when=Unknown applied=True decided=True policy.yaml:14:3",
                "none Deny selects=True who=False when=True applied=False decided=False policy.yaml:15:3",
            ],
            explanation.Rules.Select(r => $"{r.Rule} {r.Effect} selects={r.SelectsAction} who={r.Who} when={r.When} applied={r.Applied} decided={r.Decided} {r.Place}"));
        Assert.Equal(
            ["when.query.q equals \"x\" False ", "when.body.n less_than 5 Unknown there is no readable JSON body"],
            explanation.Rules[1].Conditions.Select(c => $"{c.Path} {c.Test} {c.Result} {c.Problem}"));
        Assert.DoesNotContain("secret", string.Concat(explanation.Rules.SelectMany(r => r.Conditions).Select(c => c.ToString())));
    }
}
