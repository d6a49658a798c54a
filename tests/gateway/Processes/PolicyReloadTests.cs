using System.Collections.Concurrent;
using System.Net;
using JitGrains.GatewayTests.Support;
using Xunit.Abstractions;

namespace JitGrains.GatewayTests.Processes;

/// <summary>Policy changes under load: what is decided from then on, what a mistake does, and what becomes of grants.</summary>
public sealed class PolicyReloadTests(ITestOutputHelper output)
{
    private const string Standing = """
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {members: [user:bob, user:carol]}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}", access: read}
              orders.refund: {methods: [POST], path: "/orders/{order}/refunds", access: write, binding: payload}
              orders.delete: {methods: [DELETE], path: "/orders/{order}", access: write, binding: action}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {names: [orders.read]}, effect: allow}
          - name: refunds
            who: {groups: [engineering]}
            actions: {names: [orders.refund]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: once, decide_within: 30m, use_within: 10m}
          - name: deletes
            who: {groups: [engineering]}
            actions: {names: [orders.delete]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}], uses: {default: unlimited, max: unlimited}, window: {default: 10m, max: 30m}}
        """;

    private static readonly string Stricter = Standing.Replace(
        """
          - name: refunds
            who: {groups: [engineering]}
            actions: {names: [orders.refund]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 1}]
        """,
        """
          - {name: no-deletes, who: {groups: [engineering]}, actions: {names: [orders.delete]}, effect: deny}
          - name: refunds
            who: {groups: [engineering]}
            actions: {names: [orders.refund]}
            effect: approve
            approve: {stages: [{name: manager, groups: [managers], quorum: 2}]
        """,
        StringComparison.Ordinal);

    private static readonly object Refund = new { amount = 25 };
    private static readonly (string, string) NoWait = ("Prefer", "wait=0");

    [Fact]
    public async Task A_change_decides_at_once_and_a_mistake_changes_nothing()
    {
        Assert.NotEqual(Standing, Stricter);
        await using var upstream = await MarkedUpstream.Start();
        await using var installation = await Installation.Create(Standing, upstream.Address);
        using var client = new JitClient(installation);
        var process = await installation.Start();
        var (alice, bob, carol) = (await installation.Token("alice"), await installation.Token("bob"), await installation.Token("carol"));
        var ready = new Uri(installation.Control, "/readyz");
        var first = await Version(client, bob);

        // Two grants under the first policy: one use, and a window.
        var refund = (await client.Call(alice, "POST", "/orders/1/refunds", Refund, CancellationToken.None, NoWait)).Header("Jit-Request")!;
        var window = (await client.Call(alice, "POST", "/.jit/requests", new { action = "orders.delete" })).Json["id"]!.GetValue<string>();
        foreach (var request in new[] { refund, window })
        {
            await client.Vote(bob, request);
            await client.Settled(alice, request);
        }

        Assert.Equal(HttpStatusCode.OK, (await client.Call(alice, "DELETE", "/orders/1")).Status);

        using var enough = new CancellationTokenSource();
        var versions = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var load = Task.WhenAll(Enumerable.Range(0, 3).Select(i => Load(client, alice, 100 + i, versions, enough.Token)));

        await installation.WritePolicy(Stricter, upstream.Address);
        var second = await Eventually.Get(async () => await Version(client, bob) is var v && v != first ? v : null);
        var refused = await client.Call(alice, "POST", "/orders/1/refunds", Refund, CancellationToken.None, NoWait, ("Jit-Request", refund));
        Assert.Equal((HttpStatusCode.Forbidden, "denied"), (refused.Status, refused.Problem));
        var deleted = await client.Call(alice, "DELETE", "/orders/2");
        Assert.Equal((HttpStatusCode.Forbidden, "denied"), (deleted.Status, deleted.Problem));
        Assert.Equal($"deny; rule=\"no-deletes\"; policy=\"{second}\"", deleted.Header("Jit-Decision"));
        Assert.Empty(upstream.Calls("POST /orders/1/refunds"));
        Assert.Empty(upstream.Calls("DELETE /orders/2"));

        // A new ask needs both managers now.
        var asked = (await client.Call(alice, "POST", "/orders/3/refunds", Refund, CancellationToken.None, NoWait)).Header("Jit-Request")!;
        Assert.Equal("pending", (await client.Vote(bob, asked)).Json["status"]!.GetValue<string>());
        await client.Vote(carol, asked);
        await client.Settled(alice, asked);
        Assert.Equal(HttpStatusCode.OK, (await client.Call(alice, "POST", "/orders/3/refunds", Refund)).Status);

        // A mistake: the last good policy goes on, and everybody who asks is told.
        await installation.WritePolicy(Standing.Replace("effect: allow", "effect: permit", StringComparison.Ordinal), upstream.Address);
        await Eventually.Get(async () => (await client.Anonymous(ready)).Json["status"]!.GetValue<string>() == "degraded" ? "yes" : null);
        Assert.Equal(HttpStatusCode.OK, (await client.Anonymous(ready)).Status);
        Assert.Equal(HttpStatusCode.OK, (await client.Anonymous(new Uri(installation.Gateway, "/.jit/readyz"))).Status);
        var policy = (await client.Control(bob, "GET", "policy")).Json;
        Assert.Equal((second, "degraded"), (policy["version"]!.GetValue<string>(), policy["status"]!.GetValue<string>()));
        Assert.Contains("policy.yaml:15:", policy["problems"]!.ToJsonString(), StringComparison.Ordinal);
        await process.Says("policy.yaml:15:");
        Assert.Equal("denied", (await client.Call(alice, "DELETE", "/orders/2")).Problem);
        Assert.Equal(HttpStatusCode.OK, (await client.Call(alice, "GET", "/orders/2")).Status);

        // As it was before: so are the grants, which nobody has ended.
        await installation.WritePolicy(Standing, upstream.Address);
        await Eventually.Get(async () => (await client.Anonymous(ready)).Json["status"]!.GetValue<string>() == "ready" ? "yes" : null);
        Assert.Equal(first, await Version(client, bob));
        Assert.Equal(HttpStatusCode.OK, (await client.Call(alice, "POST", "/orders/1/refunds", Refund, CancellationToken.None, NoWait, ("Jit-Request", refund))).Status);
        Assert.Single(upstream.Calls("POST /orders/1/refunds"));
        Assert.Equal(HttpStatusCode.OK, (await client.Call(alice, "DELETE", "/orders/2")).Status);

        await enough.CancelAsync();
        await load;
        output.WriteLine($"decisions under load: {string.Join(", ", versions.Select(v => $"{v.Key} {v.Value}"))}");
        Assert.Equal(new[] { first, second }.Order(StringComparer.Ordinal), versions.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("true", (await client.Control(bob, "GET", "audit/verify")).Json["valid"]!.ToJsonString());
        Assert.Equal(3, (await client.All(bob, "audit?type=policy.changed")).Count);
    }

    /// <summary>The same call again and again: each answer is a decision by one of the versions, and none is an error.</summary>
    private static async Task Load(JitClient client, string token, int order, ConcurrentDictionary<string, int> versions, CancellationToken enough)
    {
        while (!enough.IsCancellationRequested)
        {
            var held = await client.Call(token, "POST", $"/orders/{order}/refunds", Refund, CancellationToken.None, NoWait);
            Assert.Equal("approval-required", held.Problem);
            var decision = held.Header("Jit-Decision")!;
            versions.AddOrUpdate(decision[(decision.IndexOf("policy=\"", StringComparison.Ordinal) + 8)..^1], 1, (_, n) => n + 1);
            Assert.Equal(HttpStatusCode.OK, (await client.Call(token, "GET", $"/orders/{order}")).Status);
        }
    }

    private static async Task<string> Version(JitClient client, string token) =>
        (await client.Control(token, "GET", "policy")).Json["version"]!.GetValue<string>();
}
