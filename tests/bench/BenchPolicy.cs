using System.Globalization;
using System.Text;

namespace JitGrains.Bench;

/// <summary>A policy of 200 actions and 500 rules, as an installation with many teams has. The upstream's address is filled in by whoever starts the gateway.</summary>
internal static class BenchPolicy
{
    public static string Print(int actions = 200, int rules = 500)
    {
        var yaml = new StringBuilder(
            """
            version: 1
            realm: dev
            groups:
              engineering:
                members: [user:alice]
              managers:
                members: [user:bob, user:carol]
              contractors:
                members: [user:carol]
              support:
                members: [user:carol]
            apis:
              bench:
                upstreams: [http://127.0.0.1:8082]
                prefix: /
                actions:
                  bench.many: {methods: [GET], path: "/many/{item}", access: read, binding: action}

            """);
        for (var i = 1; i < actions; i++)
            yaml.AppendLine(Invariant($"      bench.a{i}: {{methods: [{(i % 3 == 0 ? "POST" : "GET")}], path: \"/d{i}/items/{{item}}\", access: {(i % 3 == 0 ? "write" : "read")}, binding: resource}}"));
        yaml.Append(
            """
            rules:
              - name: only-from-here
                who: {anyone: true}
                actions: {names: ["bench.*"]}
                effect: deny
                when: {address: {not: [127.0.0.0/8, 10.0.0.0/8, 192.168.0.0/16]}}
              - name: many
                who: {groups: [engineering]}
                actions: {names: [bench.many]}
                effect: approve
                approve:
                  stages: [{name: manager, groups: [managers], quorum: 1}]
                  uses: unlimited
                  window: {default: 1h, max: 8h}
                  decide_within: 30m

            """);
        // What is left: for each action a deny and an allow rule, and more for other groups where there is room.
        for (var i = 2; i < rules; i++)
        {
            var action = 1 + i % (actions - 1);
            var (group, effect) = (i / (actions - 1)) switch { 0 => ("engineering", "allow"), 1 => ("contractors", "deny"), _ => ("support", "allow") };
            yaml.AppendLine(Invariant($"  - {{name: r{i}, who: {{groups: [{group}]}}, actions: {{names: [bench.a{action}]}}, effect: {effect}}}"));
        }

        return yaml.ToString();
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
