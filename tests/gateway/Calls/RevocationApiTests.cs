using System.Net;
using JitGrains.Gateway.Leases;
using JitGrains.GatewayTests.Support;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Calls;

/// <summary>Revocations and blocks through the control plane, as callers see them.</summary>
public sealed class RevocationApiTests
{
    private static readonly (string, string) NoWait = ("Prefer", "wait=0");

    [Fact]
    public async Task A_block_refuses_allow_rules_too_and_whoever_acts_for_the_principal()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, agent, bob) = (await gateway.Token("alice"), await gateway.Token("alice", agent: "agent:build"), await gateway.Token("bob"));
        await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "clean up" });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", alice)).Status);

        var blocked = await gateway.Approver("PUT", "blocks/dev:user:alice", bob, new { reason = "lost laptop" });

        Assert.Equal((HttpStatusCode.OK, 1, 0), (blocked.Status, blocked.Json["gateways_acknowledged"]!.GetValue<int>(), blocked.Json["gateways_condemned"]!.GetValue<int>()));
        foreach (var (method, path, token) in new[] { ("GET", "/orders/42", alice), ("DELETE", "/orders/42", alice), ("GET", "/orders/42", agent), ("GET", "/.jit/whoami", alice) })
        {
            var refused = await gateway.Send(method, path, token, headers: NoWait);
            Assert.Equal((HttpStatusCode.Forbidden, "blocked"), (refused.Status, refused.Problem));
        }

        Assert.Single(upstream.Seen);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", bob)).Status);
        var listed = (await gateway.Approver("GET", "blocks", bob)).Json["items"]!.AsArray().Single()!;
        Assert.Equal(("dev:user:alice", "dev:user:bob", "lost laptop"), (listed["principal"]!.GetValue<string>(), listed["by"]!.GetValue<string>(), listed["reason"]!.GetValue<string>()));

        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("DELETE", "blocks/dev:user:alice", bob)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", alice)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/42", alice)).Status);
        var trail = (await gateway.Approver("GET", "audit?source=restrictions", bob)).Json["items"]!.AsArray();
        Assert.Equal(["principal.unblocked", "principal.blocked"], trail.Select(e => e!["type"]!.GetValue<string>()));
    }

    [Theory]
    [InlineData("api", "orders")]
    [InlineData("action", "orders.delete")]
    [InlineData("issuer", "dev")]
    [InlineData("approver", "dev:user:bob")]
    public async Task What_was_approved_by_then_is_revoked_and_what_is_approved_later_counts(string selector, string value)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var id = await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "clean up" });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/1", alice)).Status);

        var other = await gateway.Approver("POST", "revocations", bob, Body(selector, selector == "approver" ? "dev:user:carol" : "other"));
        Assert.Empty(other.Json["grant_ids"]!.AsArray());
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/2", alice)).Status);

        var revoked = await gateway.Approver("POST", "revocations", bob, Body(selector, value));
        Assert.Equal("gr_" + id[3..], revoked.Json["grant_ids"]!.AsArray().Single()!.GetValue<string>());
        Assert.Equal("approval-required", (await gateway.Send("DELETE", "/orders/3", alice, headers: [NoWait, ("Jit-Reason", "again")])).Problem);
        Assert.Equal(2, upstream.Seen.Count);

        await gateway.Approver("DELETE", "requests/" + await gateway.PendingRequest(bob), bob);
        await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "clean up again" });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/4", alice)).Status);
    }

    [Fact]
    public async Task Exactly_one_selector_and_only_operators()
    {
        await using var gateway = await GatewayFixture.Start();
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        foreach (var body in new object[] { new { }, new { api = "a", action = "b" }, new { issuer = "no realm" }, new { approver = "bob" }, new { api = "a", terminate = "yes" }, new { api = "a", other = 1 } })
            Assert.Equal("bad-request", (await gateway.Approver("POST", "revocations", bob, body)).Problem);
        foreach (var (method, path) in new[] { ("POST", "revocations"), ("PUT", "blocks/dev:user:bob"), ("DELETE", "blocks/dev:user:bob"), ("GET", "blocks"), ("GET", "gateways") })
            Assert.Equal("forbidden", (await gateway.Approver(method, path, alice, method == "POST" ? new { api = "orders" } : null)).Problem);
        Assert.Equal("bad-request", (await gateway.Approver("PUT", "blocks/bob", bob)).Problem);
    }

    [Fact]
    public async Task The_gateways_are_listed_with_their_leases()
    {
        await using var gateway = await GatewayFixture.Start();
        var listed = (await gateway.Approver("GET", "gateways", await gateway.Token("bob"))).Json["items"]!.AsArray().Single()!;
        Assert.Equal("open", listed["phase"]!.GetValue<string>());
        Assert.Equal(gateway.Services.GetRequiredService<GatewayLease>().Incarnation, listed["incarnation"]!.GetValue<string>());
    }

    private static Dictionary<string, object> Body(string selector, string value) => new(StringComparer.Ordinal) { [selector] = value, ["reason"] = "incident 7" };
}
