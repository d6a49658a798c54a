using FsCheck;
using FsCheck.Fluent;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>What holds of any rules and any call.</summary>
public class PropertyTests
{
    private const string Head = """
        version: 1
        realm: dev
        groups: {g: {}, h: {}, m: {}}
        apis: {a: {upstreams: ["http://127.0.0.1:1"], actions: {a.do: {methods: [POST], path: "/a/{id}", binding: action}}}}
        rules:

        """;

    private static readonly string[] Whos = ["anyone: true", "groups: [g]", "groups: [h]", "principals: [user:alice]", "claims: {c: 1}", "principals: [\"agent:bot\"]"];
    private static readonly string[] Whens = ["", "body: {n: {less_than: 5}}", "body: {n: {at_least: 5}}", "query: {q: x}", "body: {n: {not: 3}}", "query: {q: {exists: true}}", "path: {id: \"1\"}", "address: [10.0.0.0/8]"];
    private static readonly string[] Bodies = ["", """{"n":3}""", """{"n":9}""", """{"n":"3"}""", """{"N":3}""", "{}", "[1]"];
    private static readonly string[] Targets = ["/a/1", "/a/2", "/a/1?q=x", "/a/1?q=y", "/a/1?q=x&q=x", "/a/2?Q=x"];

    private sealed record Case(string[] Rules, string Extra, string Groups, string Claims, bool Agent, string Target, string Body, string? Address);

    private static string Rule(string effect, string who, string when, int number) =>
        $"- {{name: {effect}{number}, who: {{{who}}}, actions: {{names: [a.do]}}, {(when.Length == 0 ? "" : $"when: {{{when}}}, ")}effect: {effect}{(effect == "approve" ? ", approve: {stages: [{groups: [m]}]}" : "")}}}\n";

    private static Gen<string> RuleOf(params string[] effects) =>
        from effect in Gen.Elements(effects)
        from who in Gen.Elements(Whos)
        from when in Gen.Elements(Whens)
        from number in Gen.Choose(0, 1_000_000)
        select Rule(effect, who, when, number);

    private static Arbitrary<Case> Cases(params string[] extra) => Arb.From(
        from rules in RuleOf("deny", "approve", "allow", "allow").ArrayOf()
        from added in RuleOf(extra)
        from groups in Gen.Elements("", "g", "h", "g h")
        from claims in Gen.Elements("{}", """{"c":1}""", """{"c":2}""", """{"c":"1"}""")
        from agent in Gen.Elements(true, false)
        from target in Gen.Elements(Targets)
        from body in Gen.Elements(Bodies)
        from address in Gen.Elements(null, "10.0.0.1", "11.0.0.1")
        select new Case([.. rules.Distinct().Take(6)], added, groups, claims, agent, target, body, address));

    private static PolicyDecision Decide(Case one, params string[] rules)
    {
        // Names must differ; the same draw twice is the same rule.
        var text = Head + string.Concat(rules.Select((r, i) => r.Replace("{name: ", $"{{name: r{i}-", StringComparison.Ordinal)));
        if (rules.Length == 0)
            text = text.Replace("rules:", "rules: []", StringComparison.Ordinal);
        var caller = Given.Caller(groups: one.Groups, claims: one.Claims, actors: one.Agent ? ["dev:agent:bot"] : []);
        return Given.Policy(text).Decide(Given.Request($"POST {one.Target}"), caller, one.Body.Length == 0 ? null : one.Body, one.Address);
    }

    private static int Strictness(PolicyDecision decision) => decision switch
    {
        PolicyDecision.Deny => 2,
        PolicyDecision.Approve => 1,
        _ => 0,
    };

    private static void Check(Arbitrary<Case> cases, Func<Case, bool> property) =>
        Prop.ForAll(cases, property).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    [Fact]
    public void Another_deny_rule_never_loosens_anything() =>
        Check(Cases("deny"), c => Strictness(Decide(c, [.. c.Rules, c.Extra])) >= Strictness(Decide(c, c.Rules)));

    [Fact]
    public void Another_approve_rule_never_lets_through_what_did_not_go_through() =>
        Check(Cases("approve"), c => Decide(c, [.. c.Rules, c.Extra]) is not PolicyDecision.Allow || Decide(c, c.Rules) is PolicyDecision.Allow);

    [Fact]
    public void Another_allow_rule_never_tightens_anything_but_may_only_turn_no_match_into_more() =>
        Check(Cases("allow"), c => Strictness(Decide(c, [.. c.Rules, c.Extra])) <= Strictness(Decide(c, c.Rules)));

    [Fact]
    public void The_order_of_rules_never_changes_the_outcome() =>
        Check(Cases("deny", "approve", "allow"), c => Strictness(Decide(c, [.. c.Rules, c.Extra])) == Strictness(Decide(c, [c.Extra, .. c.Rules.Reverse()])));

    [Fact]
    public void A_deny_or_an_approval_names_rules_that_applied_and_only_those_decide() =>
        Check(Cases("deny", "approve", "allow"), c => Decide(c, [.. c.Rules, c.Extra]) switch
        {
            PolicyDecision.Deny { Rule: null } => true,
            PolicyDecision.Deny deny => deny.Rule!.Contains("deny", StringComparison.Ordinal),
            PolicyDecision.Approve approve => approve.Rule!.Split('+').All(r => r.Contains("approve", StringComparison.Ordinal)) && approve.Terms.Stages.Length > 0,
            PolicyDecision.Allow allow => allow.Rule!.Contains("allow", StringComparison.Ordinal),
            _ => false,
        });

    [Fact]
    public void What_is_known_less_is_never_let_through_more() =>
        Check(Cases("deny", "approve", "allow"), c =>
        {
            // No readable body, no address, and q twice: nothing that the rules look at is known, except the path.
            var unknown = c with { Body = "", Address = null, Target = c.Target.Split('?')[0] + "?q=1&q=1" };
            string[] rules = [.. c.Rules.Append(c.Extra).Where(r => !r.Contains("path:", StringComparison.Ordinal))];
            return Decide(unknown, rules) is not PolicyDecision.Allow || Decide(c, rules) is PolicyDecision.Allow;
        });
}
