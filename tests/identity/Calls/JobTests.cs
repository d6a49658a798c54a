using System.Net;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;
using JitGrains.UnitTests.Silo;

namespace JitGrains.IdentityTests.Calls;

/// <summary>Jobs of GitHub Actions' kind through the whole process: who triggered one is shown, and approves neither it nor, by an earlier vote, what it does.</summary>
public sealed class JobTests : IAsyncLifetime
{
    private const string Policy = """
        version: 1
        realm: dev
        groups:
          ci:org-example: {}
          managers: {}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            actions:
              orders.close: {methods: [PUT], path: "/orders/{order}/closed", binding: resource, hold: {default: 0s, cap: 30s}}
        rules:
          - name: deploys
            who: {groups: ["ci:org-example"]}
            actions: {names: [orders.close]}
            effect: approve
            approve: {stages: [{groups: [managers]}], uses: {default: 9, max: 9}}
        """;

    private TestIssuer ci = null!;
    private OrdersUpstream upstream = null!;
    private GatewayFixture gateway = null!;

    public async Task InitializeAsync()
    {
        (ci, upstream) = (await TestIssuer.StartAsync(), await OrdersUpstream.Start());
        gateway = await GatewayFixture.Start(upstream.Address, Policy, settings: new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["Issuers:0:Realm"] = "ci",
            ["Issuers:0:Preset"] = "github-actions",
            ["Issuers:0:Issuer"] = ci.Issuer,
            ["Issuers:0:Algorithms:0"] = "ES256",
            ["Issuers:0:Audiences:0"] = "jitgrains",
            ["Issuers:0:Groups:0"] = "org-{repository_owner}",
            ["Issuers:0:People:0:Name"] = "alice-gh",
            ["Issuers:0:People:0:Principal"] = "dev:user:alice",
            ["Issuers:0:People:1:Name"] = "bob-gh",
            ["Issuers:0:People:1:Principal"] = "dev:user:bob",
        });
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
        await ci.DisposeAsync();
    }

    private string Job(string actor)
    {
        var claims = ci.Claims(TimeProvider.System.GetUtcNow());
        foreach (var (name, value) in new[] { ("sub", "repo:example/app:ref:refs/heads/main"), ("repository", "example/app"), ("repository_owner", "example"), ("ref", "refs/heads/main"), ("actor", actor) })
            claims[name] = value;
        claims.Remove("groups");
        return ci.Sign(claims);
    }

    [Fact]
    public async Task Who_triggered_a_job_is_shown_and_does_not_approve_it()
    {
        var asked = await gateway.Send("PUT", "/orders/1/closed", Job("bob-gh"));
        Assert.Equal("approval-required", asked.Problem);
        var id = asked.Header("Jit-Request")!;
        var (bob, carol) = (await gateway.Token("bob"), await gateway.Token("carol"));
        var shown = (await gateway.Approver("GET", $"requests/{id}", carol)).Json["request"]!;
        Assert.Equal("ci:service:repo:example/app:ref:main", shown["principal"]!.GetValue<string>());
        Assert.Equal(["ci:user:bob-gh", "dev:user:bob"], shown["excluded"]!.AsArray().Select(e => e!.GetValue<string>()));

        var digest = shown["digest"]!.GetValue<string>();
        // The quickstart's managers see everything, so that he learns why.
        var refused = await gateway.Approver("POST", $"requests/{id}/votes", bob, new { decision = "approve", digest });
        Assert.Equal(("not-eligible", "requester"), (refused.Problem, refused.Json["because"]!.GetValue<string>()));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(carol, id)).Status);
        await gateway.Settled(Job("bob-gh"), id);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/1/closed", Job("bob-gh"))).Status);
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task A_vote_serves_no_job_that_the_voter_triggers()
    {
        var id = (await gateway.Send("PUT", "/orders/2/closed", Job("alice-gh"))).Header("Jit-Request")!;
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(await gateway.Token("bob"), id)).Status);
        await gateway.Settled(Job("alice-gh"), id);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/2/closed", Job("alice-gh"))).Status);

        // The same job, the same grant; but bob would have approved himself.
        var own = await gateway.Send("PUT", "/orders/2/closed", Job("bob-gh"));
        Assert.Equal("approval-required", own.Problem);
        Assert.NotEqual(id, own.Header("Jit-Request"));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/2/closed", Job("alice-gh"))).Status);
        Assert.Equal(2, upstream.Seen.Count);
    }

    [Fact]
    public async Task Who_is_blocked_has_no_jobs_run()
    {
        var carol = await gateway.Token("carol");
        Assert.Equal("approval-required", (await gateway.Send("PUT", "/orders/5/closed", Job("alice-gh"))).Problem);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("PUT", "blocks/dev:user:alice", carol, new { reason = "left" })).Status);
        Assert.Equal("blocked", (await gateway.Send("PUT", "/orders/5/closed", Job("alice-gh"))).Problem);
        Assert.Equal("approval-required", (await gateway.Send("PUT", "/orders/5/closed", Job("bob-gh"))).Problem);
    }

    [Fact]
    public async Task A_job_of_somebody_unknown_is_refused()
    {
        var refused = await gateway.Send("PUT", "/orders/3/closed", Job("mallory-gh"));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.Status);
        Assert.Equal("trigger-unknown", refused.Json["code"]!.GetValue<string>());
    }

    [Fact]
    public async Task The_audit_trail_names_who_is_behind()
    {
        var id = (await gateway.Send("PUT", "/orders/4/closed", Job("alice-gh"))).Header("Jit-Request")!;
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(await gateway.Token("bob"), id)).Status);
        var whoami = (await gateway.Send("GET", "/.jit/whoami", Job("alice-gh"))).Json;
        Assert.Equal(["ci:user:alice-gh", "dev:user:alice"], whoami["excluded"]!.AsArray().Select(e => e!.GetValue<string>()));
        var found = await Eventually.Get(async () =>
        {
            var entries = (await gateway.Approver("GET", "audit?limit=100", await gateway.Token("dave"))).Json["items"] as JsonArray;
            return entries?.FirstOrDefault(e => e!.ToJsonString().Contains("request.raised", StringComparison.Ordinal) && e.ToJsonString().Contains("dev:user:alice", StringComparison.Ordinal));
        });
        Assert.Contains("behind", found.ToJsonString(), StringComparison.Ordinal);
    }
}
