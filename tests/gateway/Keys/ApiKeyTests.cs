using System.Net;
using JitGrains.GatewayTests.Support;
using JitGrains.Keys;
using JitGrains.Silo.Keys;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Keys;

/// <summary>API keys over real connections: made and taken away at the control plane, used at the gateway.</summary>
public sealed class ApiKeyTests
{
    private const string Policy = """
        version: 1
        realm: dev
        groups: {managers: {}}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            actions:
              orders.read: {methods: [GET], path: "/orders/{id}", access: read}
              orders.refund: {methods: [POST], path: "/orders/{id}/refunds", access: write}
          stock:
            upstreams: [$UPSTREAM]
            prefix: /stock
            actions:
              stock.read: {methods: [GET], path: "/stock/{id}", access: read}
        rules:
          - {name: reads, who: {anyone: true}, actions: {names: ["*.read"]}, effect: allow}
          - {name: refunds, who: {principals: ["keys:key:billing", "keys:key:narrow", user:alice]}, actions: {names: [orders.refund]}, effect: approve, approve: {stages: [{groups: [managers]}]}}
        limits:
          by_key: {per: api_key, apis: [stock], window: {most: 3, within: 1h}}
        """;

    [Fact]
    public async Task A_key_is_used_listed_and_revoked()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var (bob, alice) = (await gateway.Token("bob"), await gateway.Token("alice"));
        var secret = await Create(gateway, bob, new { name = "billing", owner = "dev:user:alice", expires_in = 3600, groups = new[] { "importers" } });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", secret)).Status);
        var whoami = (await gateway.Send("GET", "/.jit/whoami", secret)).Json;
        Assert.Equal("keys:key:billing", whoami["principal"]!.GetValue<string>());
        Assert.Contains("keys:importers", whoami["groups"]!.ToJsonString(), StringComparison.Ordinal);

        // Another's secret, or none: the same answer as for a name that does not exist.
        var forged = ApiKeyText.Make("billing");
        foreach (var wrong in new[] { forged, ApiKeyText.Make("nobody"), "jitk_x", secret + "x", secret[..^1] })
        {
            var refused = await gateway.Send("GET", "/orders/1", wrong);
            Assert.Equal((HttpStatusCode.Unauthorized, "api-key-unknown"), (refused.Status, refused.Json["code"]!.GetValue<string>()));
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/orders/1", null, null, ("Authorization", $"DPoP {secret}"))).Status);
        // Not for the control plane, and nothing of it is shown again.
        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Approver("GET", "keys", secret)).Status);
        await gateway.Services.GetRequiredService<ApiKeyUseTeller>().Tell();
        var list = await gateway.Approver("GET", "keys", alice);
        var shown = list.Json["items"]![0]!;
        Assert.Equal(("billing", "active", "dev:user:alice"), (shown["name"]!.GetValue<string>(), shown["status"]!.GetValue<string>(), shown["owner"]!.GetValue<string>()));
        Assert.NotNull(shown["last_used_at"]);
        Assert.DoesNotContain(secret[ApiKeyText.Prefix.Length..^"_billing".Length], list.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(ApiKeyText.HashOf(secret), list.Body, StringComparison.Ordinal);
        Assert.Empty((await gateway.Approver("GET", "keys", await gateway.Token("carol", agent: "agent:triage"))).Json["items"]!.AsArray());

        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("DELETE", "keys/billing", alice, new { reason = "leaked" })).Status);
        var over = await gateway.Send("GET", "/orders/1", secret);
        Assert.Equal((HttpStatusCode.Unauthorized, "api-key-revoked"), (over.Status, over.Json["code"]!.GetValue<string>()));
        Assert.Equal("key-revoked", (await gateway.Approver("DELETE", "blocks/keys:key:billing", bob)).Problem);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("DELETE", "keys/billing", bob)).Status);
        Assert.Equal("name-taken", (await gateway.Approver("POST", "keys", bob, new { name = "billing", owner = "dev:user:alice", expires_in = 3600 })).Problem);
        var trail = (await gateway.Approver("GET", "audit?type=key.revoked", await gateway.Token("dave"))).Body;
        Assert.Contains("leaked", trail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_may_create_keys_and_how()
    {
        await using var gateway = await GatewayFixture.Start(policy: Policy, args: ["--store", "memory"]);
        var (bob, alice) = (await gateway.Token("bob"), await gateway.Token("alice"));
        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Approver("POST", "keys", alice, new { name = "mine", owner = "dev:user:alice", expires_in = 3600 })).Status);
        foreach (var (field, body) in new (string, object)[]
        {
            ("expires_in", new { name = "x", owner = "dev:user:alice" }),
            ("expires_in", new { name = "x", owner = "dev:user:alice", expires_in = 59 }),
            ("expires_in", new { name = "x", owner = "dev:user:alice", expires_in = 366 * 86_400 + 1 }),
            ("owner", new { name = "x", expires_in = 3600 }),
            ("owner", new { name = "x", owner = "alice", expires_in = 3600 }),
            ("name", new { owner = "dev:user:alice", expires_in = 3600 }),
            ("name", new { name = ApiKeyText.Make("x"), owner = "dev:user:alice", expires_in = 3600 }),
            ("name", new { name = "jitx_1", owner = "dev:user:alice", expires_in = 3600 }),
            ("name", new { name = "a b", owner = "dev:user:alice", expires_in = 3600 }),
            ("apis", new { name = "x", owner = "dev:user:alice", expires_in = 3600, apis = new[] { "a b" } }),
            ("secret", new { name = "x", owner = "dev:user:alice", expires_in = 3600, secret = "mine" }),
        })
        {
            var refused = await gateway.Approver("POST", "keys", bob, body);
            Assert.Equal((HttpStatusCode.BadRequest, field), (refused.Status, refused.Json["field"]!.GetValue<string>()));
        }
    }

    [Fact]
    public async Task A_key_is_for_its_scope_only_and_limits_can_be_its_own()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var bob = await gateway.Token("bob");
        var narrow = await Create(gateway, bob, new { name = "narrow", owner = "dev:user:alice", expires_in = 3600, apis = new[] { "orders" }, actions = new[] { "orders.read" } });
        var wide = await Create(gateway, bob, new { name = "wide", owner = "dev:user:alice", expires_in = 3600 });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", narrow)).Status);
        Assert.Equal("key-scope", (await gateway.Send("GET", "/stock/1", narrow)).Problem);
        Assert.Equal("key-scope", (await gateway.Send("POST", "/orders/1/refunds", narrow, new { amount = 1 })).Problem);
        Assert.Equal("key-scope", (await gateway.Send("PUT", "/orders/1", narrow)).Problem);
        Assert.Equal("denied", (await gateway.Send("PUT", "/orders/1", wide)).Problem);
        Assert.Single(upstream.Seen);

        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/stock/1", wide)).Status);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await gateway.Send("GET", "/stock/1", wide)).Status);
        // Another key has its own budget, and people are not meant.
        var other = await Create(gateway, bob, new { name = "other", owner = "dev:user:alice", expires_in = 3600 });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/stock/1", other)).Status);
        for (var i = 0; i < 5; i++)
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/stock/1", bob)).Status);
    }

    [Fact]
    public async Task The_owner_cannot_approve_for_the_key()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var (bob, carol) = (await gateway.Token("bob"), await gateway.Token("carol"));
        var secret = await Create(gateway, bob, new { name = "billing", owner = "dev:user:bob", expires_in = 3600 });
        var held = gateway.Send("POST", "/orders/1/refunds", secret, new { amount = 1 }, ("Prefer", "wait=50"));
        var request = await gateway.PendingRequest(carol);
        // Behind the call, bob has no part in its request but as an operator, who sees all.
        Assert.Equal("not-eligible", (await gateway.Vote(bob, request)).Problem);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(carol, request)).Status);
        Assert.Equal(HttpStatusCode.OK, (await held).Status);
    }

    [Fact]
    public async Task A_key_ends_by_itself()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, time, args: ["--store", "memory"]);
        var secret = await Create(gateway, await gateway.Token("bob"), new { name = "billing", owner = "dev:user:alice", expires_in = 60 });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", secret)).Status);
        time.Advance(TimeSpan.FromSeconds(60));
        var over = await gateway.Send("GET", "/orders/1", secret);
        Assert.Equal((HttpStatusCode.Unauthorized, "api-key-expired"), (over.Status, over.Json["code"]!.GetValue<string>()));
    }

    [Fact]
    public async Task When_a_revocation_has_returned_nothing_starts_by_the_key()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var bob = await gateway.Token("bob");
        for (var round = 0; round < 20; round++)
        {
            var secret = await Create(gateway, bob, new { name = $"race-{round}", owner = "dev:user:alice", expires_in = 3600 });
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", secret)).Status);
            var returned = 0;
            using var stop = new CancellationTokenSource();
            var callers = Enumerable.Range(0, 4).Select(async _ =>
            {
                while (!stop.IsCancellationRequested)
                {
                    try
                    {
                        await gateway.Send("GET", Volatile.Read(ref returned) == 0 ? "/orders/before" : "/orders/after", secret);
                    }
                    catch (HttpRequestException)
                    {
                        // It ran, and the revocation cut it.
                    }
                }
            }).ToArray();
            var answer = await gateway.Approver("DELETE", $"keys/race-{round}", bob);
            Volatile.Write(ref returned, 1);
            Assert.Equal(HttpStatusCode.OK, answer.Status);
            for (var i = 0; i < 5; i++)
                Assert.Contains((await gateway.Send("GET", "/orders/after", secret)).Status, new[] { HttpStatusCode.Unauthorized, HttpStatusCode.Forbidden });
            await stop.CancelAsync();
            await Task.WhenAll(callers);
            Assert.DoesNotContain(upstream.Seen, s => s.Target == "/orders/after");
        }
    }

    private static async Task<string> Create(GatewayFixture gateway, string operatorToken, object body)
    {
        var created = await gateway.Approver("POST", "keys", operatorToken, body);
        Assert.True(created.Status == HttpStatusCode.OK, created.Body);
        Assert.Equal("no-store", created.Header("Cache-Control"));
        return created.Json["secret"]!.GetValue<string>();
    }
}
