using System.Globalization;
using System.Text;
using JitGrains.Identity;
using JitGrains.Policy;
using JitGrains.Policy.Evaluation;

namespace JitGrains.UnitTests.Policy;

/// <summary>What is noted with callers of the rules that may be about them is what a look through all rules finds.</summary>
public class CallerProfileTests
{
    private const int Actions = 4;
    private static readonly string[] Groups = ["g0", "g1", "g2"];
    private static readonly string[] Principals = ["user:u0", "user:u1", "agent:bot", "agent:other"];

    [Fact]
    public void Decisions_are_those_of_all_rules_one_by_one_whatever_policies_are_in_force()
    {
        var decided = new int[3];
        for (var seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            var policies = Enumerable.Range(0, 3).Select(_ => Given.Policy(Print(random, random.Next(1, 40)))).ToArray();
            // The same callers under all of them, as a gateway keeps those of the tokens it knows.
            var callers = Enumerable.Range(0, 12).Select(_ => CallerOf(random)).ToArray();
            for (var n = 0; n < 300; n++)
            {
                var (policy, caller) = (policies[random.Next(policies.Length)], callers[random.Next(callers.Length)]);
                if (random.Next(8) == 0)
                    caller = caller with { Groups = CallerOf(random).Groups };
                else if (random.Next(8) == 0)
                    caller = caller with { Actors = CallerOf(random).Actors };
                var request = Given.Request($"GET /d{random.Next(Actions)}");
                var decision = policy.Decide(request, caller);
                var found = (ActionMatch.Found)policy.Match(request, null);
                Assert.Equal(Plain(policy, policy.Input(found, request, caller)), decision switch
                {
                    PolicyDecision.Allow => RuleEffect.Allow,
                    PolicyDecision.Approve => RuleEffect.Approve,
                    _ => RuleEffect.Deny,
                });
                decided[decision switch { PolicyDecision.Allow => 0, PolicyDecision.Approve => 1, _ => 2 }]++;
            }
        }

        // None is rare, or this would say little.
        Assert.All(decided, n => Assert.InRange(n, 300, 8_000));
    }

    [Fact]
    public void What_does_not_fit_is_worked_out_again()
    {
        var rules = Given.Policy(Print(new Random(1), 30)).Evaluator.Rules;
        var actions = Enumerable.Range(0, Actions).Select(i => new ActionRules(i, rules)).ToArray();
        var random = new Random(2);
        var callers = Enumerable.Range(0, 40).Select(_ => CallerOf(random)).ToArray();
        foreach (var size in (int[])[1, 60, 400, 4_000_000])
        {
            var profiles = new CallerProfiles(rules, Actions, size);
            for (var n = 0; n < 1_000; n++)
            {
                var (caller, action) = (callers[random.Next(callers.Length)], actions[random.Next(Actions)]);
                var (expected, concerned) = (action.About(caller), profiles.Of(caller, action));
                Assert.Equal(expected.Deny, concerned.Deny);
                Assert.Equal(expected.Approve, concerned.Approve);
                Assert.Equal(expected.Allow, concerned.Allow);
            }

            if (size > 1_000_000)
                Assert.Same(profiles.Of(callers[0], actions[0]), profiles.Of(callers[0] with { Principal = new PrincipalId("dev:user:nobody-names"), Groups = callers[0].Groups.Add("dev:nobody-names") }, actions[0]));
        }
    }

    [Fact]
    public async Task Many_at_once_find_the_same()
    {
        var rules = Given.Policy(Print(new Random(3), 40)).Evaluator.Rules;
        var actions = Enumerable.Range(0, Actions).Select(i => new ActionRules(i, rules)).ToArray();
        var made = new Random(4);
        var callers = Enumerable.Range(0, 200).Select(_ => CallerOf(made)).ToArray();
        var expected = callers.Select(c => actions.Select(a => a.About(c)).ToArray()).ToArray();
        foreach (var size in (int[])[200, 4_000_000])
        {
            var profiles = new CallerProfiles(rules, Actions, size);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(seed => Task.Run(() =>
            {
                var random = new Random(seed);
                for (var n = 0; n < 5_000; n++)
                {
                    var (caller, action) = (random.Next(callers.Length), random.Next(Actions));
                    Assert.True(expected[caller][action].Allow.AsSpan().SequenceEqual(profiles.Of(callers[caller], actions[action]).Allow));
                }
            })));
        }
    }

    /// <summary>Deny over approve over allow, by each rule's own account.</summary>
    private static RuleEffect Plain(CompiledPolicy policy, PolicyInput input)
    {
        var rules = policy.Explain(input).Rules.Where(r => r.SelectsAction).ToArray();
        bool Any(RuleEffect effect) => rules.Any(r => r.Effect == effect && r.Applied);
        if (Any(RuleEffect.Deny))
            return RuleEffect.Deny;
        // Who is about an actor only restricts; it asks nothing for anybody.
        if (Any(RuleEffect.Approve))
            return rules.Any(r => r.Effect == RuleEffect.Approve && r.Applied && r.Who == Truth.True) || Any(RuleEffect.Allow) ? RuleEffect.Approve : RuleEffect.Deny;
        return Any(RuleEffect.Allow) ? RuleEffect.Allow : RuleEffect.Deny;
    }

    private static Caller CallerOf(Random random) => Given.Caller(
        $"dev:user:u{random.Next(4)}",
        string.Join(' ', Groups.Append("nobody-names").Where(_ => random.Next(2) == 0)),
        actors: [.. Enumerable.Range(0, random.Next(3)).Select(_ => $"dev:agent:{(random.Next(2) == 0 ? "bot" : "third")}")]);

    private static string Print(Random random, int rules)
    {
        var yaml = new StringBuilder("version: 1\nrealm: dev\ngroups: {g0: {}, g1: {}, g2: {}, m: {}}\napis:\n  api:\n    upstreams: [http://127.0.0.1:1]\n    prefix: /\n    actions:\n");
        for (var i = 0; i < Actions; i++)
            yaml.AppendLine(CultureInfo.InvariantCulture, $"      a{i}: {{methods: [GET], path: /d{i}, binding: action}}");
        yaml.AppendLine("rules:");
        for (var i = 0; i < rules; i++)
        {
            var who = random.Next(8) switch
            {
                0 => "anyone: true",
                < 5 => $"groups: [{Groups[random.Next(Groups.Length)]}, {Groups[random.Next(Groups.Length)]}]",
                5 => $"groups: [{Groups[random.Next(Groups.Length)]}], principals: [\"{Principals[random.Next(Principals.Length)]}\"]",
                _ => $"principals: [\"{Principals[random.Next(Principals.Length)]}\"]",
            };
            var effect = random.Next(6) switch { 0 => "deny", 1 => "approve, approve: {stages: [{name: s, groups: [m]}]}", _ => "allow" };
            var when = random.Next(3) > 0 || effect == "allow" ? "" : "when: {address: {not: [10.0.0.0/8]}}, ";
            yaml.AppendLine(CultureInfo.InvariantCulture, $"  - {{name: r{i}, who: {{{who.Replace("[g0, g0]", "[g0]").Replace("[g1, g1]", "[g1]").Replace("[g2, g2]", "[g2]")}}}, actions: {{names: [\"{(random.Next(4) == 0 ? "*" : $"a{random.Next(Actions)}")}\"]}}, {when}effect: {effect}}}");
        }

        return yaml.ToString();
    }
}
