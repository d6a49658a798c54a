using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Policy;

namespace JitGrains.Bench;

/// <summary>A policy for measuring decisions: the first half of its actions is allowed to all callers, the other half needs a grant.</summary>
internal static class DecisionPolicy
{
    public const int Actions = 100;
    private const int Groups = 10;

    public static CompiledPolicy Load(int rules)
    {
        var loaded = PolicyLoader.Load(Print(rules));
        return loaded.Policy ?? throw new InvalidOperationException(string.Join('\n', loaded.Problems.Take(3)));
    }

    /// <summary>In files of a thousand rules: one of all of them would be too large.</summary>
    private static List<PolicyFile> Print(int rules)
    {
        var yaml = new StringBuilder("version: 1\nrealm: dev\ngroups:\n");
        for (var i = 0; i < Groups; i++)
            yaml.AppendLine(CultureInfo.InvariantCulture, $"  team{i}: {{members: [user:bob, user:carol]}}");
        yaml.AppendLine("apis:\n  api:\n    upstreams: [http://127.0.0.1:1]\n    prefix: /\n    actions:");
        for (var i = 0; i < Actions; i++)
            yaml.AppendLine(CultureInfo.InvariantCulture, $"      a{i}: {{methods: [GET], path: /d{i}/items, binding: action}}");
        yaml.AppendLine("rules:\n  - {name: only-from-here, who: {anyone: true}, actions: {names: [\"*\"]}, effect: deny, when: {address: {not: [10.0.0.0/8]}}}");
        yaml.AppendLine(CultureInfo.InvariantCulture, $"  - {{name: all, who: {{groups: [team0]}}, actions: {{names: [{Names(0)}]}}, effect: allow}}");
        yaml.AppendLine(CultureInfo.InvariantCulture, $"  - {{name: needs-one, who: {{groups: [team0]}}, actions: {{names: [{Names(Actions / 2)}]}}, effect: approve, approve: {{stages: [{{name: s, groups: [team1], quorum: 1}}], uses: unlimited, window: {{default: 1h, max: 24h}}}}}}");
        var files = new List<PolicyFile>();
        for (var i = 3; i < rules; i++)
        {
            if (i % 1_000 == 0)
            {
                files.Add(new PolicyFile($"f{files.Count:00}.yaml", yaml.ToString()));
                yaml.Clear().AppendLine("version: 1\nrules:");
            }

            // Ten for each pair of group and action where there are ten thousand; the callers' own group among them.
            yaml.AppendLine(CultureInfo.InvariantCulture, $"  - {{name: r{i}, who: {{groups: [team{i / Actions % Groups}]}}, actions: {{names: [a{i % Actions}]}}, effect: {(i / Actions % Groups == 0 || i % 2 == 0 ? "allow" : "deny")}}}");
        }

        return [.. files, new PolicyFile($"f{files.Count:00}.yaml", yaml.ToString())];
    }

    /// <summary>An agent that acts for somebody.</summary>
    public static Caller Caller(int i) => new()
    {
        Principal = new PrincipalId($"dev:user:u{i}"),
        Actors = [new PrincipalId($"dev:agent:bench-{i % 7}")],
        Groups = ["dev:team0"],
        TokenIssuedAt = TimeProvider.System.GetUtcNow(),
        TokenExpiresAt = TimeProvider.System.GetUtcNow().AddHours(1),
    };

    public static CanonicalRequest Request(int action)
    {
        var raw = new RawRequest { Method = "GET", Target = $"/d{action}/items", Scheme = "http", Protocol = "HTTP/1.1", Headers = [new HeaderLine("Host", "api.example.com")] };
        return RequestParser.Parse(raw).TryGet(out var request, out _) ? request : throw new InvalidOperationException("it is refused");
    }

    private static string Names(int from) => string.Join(", ", Enumerable.Range(from, Actions / 2).Select(i => $"a{i}"));
}
