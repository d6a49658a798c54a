using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Approvals;
using JitGrains.Grants;
using JitGrains.PolicyVersions;
using JitGrains.Principals;
using JitGrains.Runtime;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Policies;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.UnitTests.Silo;

/// <summary>The one policy of the cluster, changed over real HTTP.</summary>
public sealed class PolicyChangeTests
{
    private static readonly string More = SiloHost.Policy + "\n# and more\n";

    /// <summary>The same, and changes of it need somebody else's approval.</summary>
    internal static readonly string Guarded = SiloHost.Policy.Replace("""
        rules:
        """, """
          jitgrains:
            upstreams: ["http://127.0.0.1:9"]
            prefix: /jitgrains
            actions:
              policy.apply: { methods: [PUT], path: "/jitgrains/policy", binding: payload }
              policy.rollback: { methods: [POST], path: "/jitgrains/policy/rollback", binding: payload }
        rules:
          - name: policy-needs-two
            who: { groups: [operators, managers] }
            actions: { names: [policy.apply, policy.rollback] }
            effect: approve
            approve: { stages: [{ groups: [managers, operators], quorum: 1 }], uses: once }
        """, StringComparison.Ordinal).Replace("  managers: {}", "  managers: {}\n  operators: {}", StringComparison.Ordinal);

    [Fact]
    public async Task The_configured_file_is_the_first_version_and_another_can_be_put_in_force()
    {
        await using var host = await SiloHost.StartAsync(policyInStore: true);
        var first = (await host.As("olga", "GET", "/api/v1/policy")).Json!["version"]!.GetValue<string>();

        var applied = await Apply(host, "olga", More, "needed");
        Assert.Equal(200, applied.Status);
        Assert.Equal((2, first, true), (applied.Json!["sequence"]!.GetValue<long>(), applied.Json["before"]!.GetValue<string>(), applied.Json["changed"]!.GetValue<bool>()));
        Assert.Equal((1, 0), (applied.Json["gateways_acknowledged"]!.GetValue<int>(), applied.Json["gateways_condemned"]!.GetValue<int>()));
        Assert.Equal(applied.Json["version"]!.GetValue<string>(), host.Services.GetRequiredService<IPolicyProvider>().Current.Version);

        var history = (await host.As("dave", "GET", "/api/v1/policy/history")).Json!["items"]!.AsArray();
        Assert.Equal([2, 1], history.Select(h => h!["sequence"]!.GetValue<long>()));
        Assert.Equal(("dev:user:olga", "needed"), (history[0]!["applied_by"]!.GetValue<string>(), history[0]!["reason"]!.GetValue<string>()));
        Assert.Null(history[1]!["applied_by"]);
        Assert.Equal(More, (await host.As("olga", "GET", "/api/v1/policy/versions/2")).Json!["files"]!["policy.yaml"]!.GetValue<string>());
        Assert.Contains("+# and more", (await host.As("olga", "GET", "/api/v1/policy/diff")).Json!["diff"]!.GetValue<string>(), StringComparison.Ordinal);

        var back = await host.As("olga", "POST", "/api/v1/policy/rollback", """{"to":1,"reason":"no"}""");
        Assert.Equal((3, first), (back.Json!["sequence"]!.GetValue<long>(), back.Json["version"]!.GetValue<string>()));
        Assert.Equal(1, (await host.As("olga", "GET", "/api/v1/policy/history")).Json!["items"]![0]!["rolled_back_to"]!.GetValue<long>());
        var audit = (await host.As("dave", "GET", "/api/v1/audit?type=policy.changed")).Json!["items"]!.AsArray();
        Assert.Equal(3, audit.Count);
    }

    [Theory]
    [InlineData("alice", 403, "forbidden")]
    [InlineData("dave", 403, "forbidden")]
    public async Task Only_operators_change_it(string who, int status, string problem)
    {
        await using var host = await SiloHost.StartAsync(policyInStore: true);
        Assert.Equal((status, problem), await Apply(host, who, More) is var a ? (a.Status, a.Problem!) : default);
        Assert.Equal(403, (await host.As(who, "POST", "/api/v1/policy/rollback", """{"to":1}""")).Status);
        Assert.Equal(who == "dave" ? 200 : 403, (await host.As(who, "GET", "/api/v1/policy/history")).Status);
    }

    [Fact]
    public async Task What_cannot_be_taken_is_refused_whole_and_a_dry_run_changes_nothing()
    {
        await using var host = await SiloHost.StartAsync(policyInStore: true);
        var bad = await Apply(host, "olga", SiloHost.Policy.Replace("effect: allow", "effect: alow", StringComparison.Ordinal));
        Assert.Equal((422, "policy-invalid"), (bad.Status, bad.Problem));
        Assert.Contains("policy.yaml:", bad.Json!["problems"]![0]!.GetValue<string>(), StringComparison.Ordinal);
        var dry = await host.As("olga", "PUT", "/api/v1/policy", Body(More, dryRun: true));
        Assert.StartsWith("sha256-", dry.Json!["version"]!.GetValue<string>(), StringComparison.Ordinal);
        var moved = await host.As("olga", "PUT", "/api/v1/policy", Body(More, expected: "sha256-0000000000000000"));
        Assert.Equal((409, "policy-moved"), (moved.Status, moved.Problem));
        Assert.Equal(404, (await host.As("olga", "POST", "/api/v1/policy/rollback", """{"to":9}""")).Status);
        Assert.Equal("files", (await host.As("olga", "PUT", "/api/v1/policy", """{"files":{"../x":""}}""")).Field);
        Assert.Equal("files", (await host.As("olga", "PUT", "/api/v1/policy", """{"files":{"a":1}}""")).Field);
        Assert.Single((await host.As("olga", "GET", "/api/v1/policy/history")).Json!["items"]!.AsArray());
    }

    [Fact]
    public async Task Where_the_policy_is_in_files_it_is_changed_there()
    {
        await using var host = await SiloHost.StartAsync();
        Assert.Equal((409, "policy-from-files"), await Apply(host, "olga", More) is var a ? (a.Status, a.Problem!) : default);
    }

    [Fact]
    public async Task A_change_under_an_approve_rule_waits_for_somebody_else()
    {
        await using var host = await SiloHost.StartAsync(policyInStore: true);
        Assert.Equal(200, (await Apply(host, "olga", Guarded)).Status);

        var asked = await Apply(host, "olga", More, "needed");
        Assert.Equal((403, "approval-required"), (asked.Status, asked.Problem));
        var id = asked.Json!["task"]!["id"]!.GetValue<string>();
        Assert.Equal(id, (await Apply(host, "olga", More, "needed")).Json!["task"]!["id"]!.GetValue<string>());
        Assert.Contains("+# and more", (await host.As("bob", "GET", $"/api/v1/requests/{id}")).Json!["request"]!["payload"]!["body"]!.GetValue<string>(), StringComparison.Ordinal);

        // Whoever asks does not approve it, and what was approved is exactly this.
        Assert.Equal("not-eligible", (await host.Vote("olga", id)).Problem);
        Assert.Equal(200, (await host.Vote("bob", id)).Status);
        Assert.Equal("approval-required", (await Apply(host, "olga", More + "# else", "needed")).Problem);
        Assert.Equal("approval-required", (await host.As("olga", "POST", "/api/v1/policy/rollback", """{"to":1,"reason":"needed"}""")).Problem);
        Assert.Equal(200, (await Apply(host, "olga", More, "needed")).Status);
        Assert.Equal(3, (await host.As("olga", "GET", "/api/v1/policy/history")).Json!["items"]!.AsArray().Count);

        // The policy that took its place asks nobody.
        Assert.Equal(200, (await Apply(host, "olga", Guarded)).Status);
        Assert.Equal("approval-required", (await Apply(host, "olga", More, "needed")).Problem);
    }

    [Fact]
    public async Task Somebody_whom_no_rule_lets_change_it_is_refused()
    {
        await using var host = await SiloHost.StartAsync(policyInStore: true);
        await Apply(host, "olga", Guarded.Replace("who: { groups: [operators, managers] }", "who: { groups: [managers] }", StringComparison.Ordinal));
        Assert.Equal((403, "forbidden"), await Apply(host, "olga", More) is var a ? (a.Status, a.Problem!) : default);
    }

    [Fact]
    public async Task Grants_that_nobody_could_use_any_more_are_revoked()
    {
        await using var host = await SiloHost.StartAsync(policyInStore: true);
        var id = await host.Raise(host.AskByPolicy());
        Assert.Equal(200, (await host.Vote("bob", id)).Status);
        var sweep = host.Services.GetRequiredService<PolicySweep>();
        await Apply(host, "olga", More);
        await sweep.SweepAsync(CancellationToken.None);
        Assert.Equal(GrantStatus.Active, await StatusOf(host, id));

        await Apply(host, "olga", SiloHost.Policy.Replace("quorum: 1", "quorum: 2", StringComparison.Ordinal));
        await sweep.SweepAsync(CancellationToken.None);
        Assert.Equal(GrantStatus.Revoked, await StatusOf(host, id));
        Assert.Equal(0, await sweep.SweepAsync(CancellationToken.None));
        var why = (await host.As("dave", "GET", "/api/v1/audit?type=grant.revoked")).Text;
        Assert.Contains("no longer permits it", why, StringComparison.Ordinal);
    }

    private static async Task<GrantStatus> StatusOf(SiloHost host, string request) =>
        (await host.Services.GetRequiredService<IReadModel>().GetGrantByRequestAsync(request))!.Status;

    private static Task<SiloHost.Answer> Apply(SiloHost host, string who, string text, string? reason = null) =>
        host.As(who, "PUT", "/api/v1/policy", Body(text, reason));

    private static string Body(string text, string? reason = null, string? expected = null, bool dryRun = false)
    {
        var body = new JsonObject { ["files"] = new JsonObject { ["policy.yaml"] = text } };
        if (reason is not null)
            body["reason"] = reason;
        if (expected is not null)
            body["expected_version"] = expected;
        if (dryRun)
            body["dry_run"] = true;
        return body.ToJsonString();
    }
}
