using System.Globalization;
using System.Text;
using JitGrains.Network;
using JitGrains.Policy;

namespace JitGrains.UnitTests.Policy;

/// <summary>A decision by rules without conditions on the body allocates nothing, however many rules there are.</summary>
public class DecisionMemoryTests
{
    [Theory]
    [InlineData(10)]
    [InlineData(10_000)]
    public void Matching_and_deciding_allocate_nothing(int rules)
    {
        var loaded = PolicyLoader.Load(Print(rules));
        var policy = loaded.Policy ?? throw new InvalidOperationException(string.Join('\n', loaded.Problems.Take(3)));
        var requests = Enumerable.Range(0, 100).Select(i => Given.Request($"GET /d{i}/items")).ToArray();
        var callers = Enumerable.Range(0, 100).Select(i => Given.Caller($"dev:user:u{i}", groups: $"team{i % 10}")).ToArray();
        var origin = new CallOrigin(System.Net.IPAddress.Parse("10.1.2.3"));
        var decided = new int[3];
        Assert.Equal(0, Allocations.Least(() => Decide(2_000)));
        // Some of each: it was not all the default.
        Assert.All(decided, n => Assert.NotEqual(0, n));

        void Decide(int times)
        {
            for (var i = 0; i < times; i++)
            {
                var request = requests[i * 7919 % requests.Length];
                var outline = policy.Outline(request);
                if (outline.Match is not ActionMatch.Found found)
                    throw new InvalidOperationException("the action is not found");
                var decision = policy.Evaluate(new PolicyInput { Caller = callers[i % callers.Length], Api = found.Api, Action = found.Action, Captures = found.Captures, Request = request, Origin = origin, Now = Given.Noon });
                decided[decision switch { PolicyDecision.Allow => 0, PolicyDecision.Approve => 1, _ => 2 }]++;
            }
        }
    }

    /// <summary>In files of a thousand rules: one of all of them would be too large.</summary>
    private static List<PolicyFile> Print(int rules)
    {
        var yaml = new StringBuilder("version: 1\nrealm: dev\ngroups:\n");
        for (var i = 0; i < 10; i++)
            yaml.AppendLine(CultureInfo.InvariantCulture, $"  team{i}: {{members: [user:u{i}]}}");
        yaml.AppendLine("apis:\n  api:\n    upstreams: [http://127.0.0.1:1]\n    prefix: /\n    actions:");
        for (var i = 0; i < 100; i++)
            yaml.AppendLine(CultureInfo.InvariantCulture, $"      a{i}: {{methods: [GET], path: /d{i}/items, binding: action}}");
        yaml.AppendLine("rules:\n  - {name: here, who: {anyone: true}, actions: {names: [\"*\"]}, effect: deny, when: {address: {not: [10.0.0.0/8]}}}");
        var files = new List<PolicyFile>();
        for (var i = 1; i < rules; i++)
        {
            if (i % 1_000 == 0)
            {
                files.Add(new PolicyFile($"f{files.Count:00}.yaml", yaml.ToString()));
                yaml.Clear().AppendLine("version: 1\nrules:");
            }

            var action = rules <= 100 ? "*" : $"a{i % 100}";
            var rest = i % 9 == 3 && (rules <= 100 || i / 1_000 == 1) ? "approve, approve: {stages: [{name: s, groups: [team0], quorum: 1}], uses: unlimited, window: {default: 1h, max: 8h}}" : i % 2 == 1 ? "allow" : "deny";
            yaml.AppendLine(CultureInfo.InvariantCulture, $"  - {{name: r{i}, who: {{groups: [team{i / (rules <= 100 ? 1 : 100) % 10}]}}, actions: {{names: [\"{action}\"]}}, effect: {rest}}}");
        }

        return [.. files, new PolicyFile($"f{files.Count:00}.yaml", yaml.ToString())];
    }
}
