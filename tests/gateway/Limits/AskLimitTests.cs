using System.Net;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Limits;

/// <summary>Limits that keep approvers from being flooded: on raising requests, on votes, on tokens.</summary>
public sealed class AskLimitTests
{
    private static readonly (string, string) NoWait = ("Prefer", "wait=0");

    [Fact]
    public async Task Raising_requests_is_limited_and_coming_back_to_one_is_not()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders(
            "asks: {counts: asks, per: principal, actions: {names: [orders.refund, orders.close]}, window: {most: 2, within: 1h}}"));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        Task<Answer> Refund(int amount) => gateway.Send("POST", "/orders/42/refunds", alice, new { amount }, NoWait);

        var first = await Refund(1);
        Assert.Equal("approval-required", first.Problem);
        for (var i = 0; i < 3; i++)
            Assert.Equal(first.Header("Jit-Request"), (await Refund(1)).Header("Jit-Request"));
        Assert.Equal("approval-required", (await Refund(2)).Problem);

        var refused = await Refund(3);
        Assert.Equal((HttpStatusCode.TooManyRequests, "rate-limited"), (refused.Status, refused.Problem));
        Assert.Equal("[\"asks\"]", refused.Json["violated-policies"]!.ToJsonString());
        Assert.Equal("rate-limited", (await gateway.Send("POST", "/.jit/requests", alice, new { action = "orders.close", resource = new { order = "1" } })).Problem);
        Assert.Equal(2, (await gateway.Approver("GET", "requests?status=pending", bob)).Json["items"]!.AsArray().Count);

        // What was raised can be joined, approved and used; other actions can be asked for, and nothing that needs no ask is affected.
        Assert.Equal(first.Header("Jit-Request"), (await Refund(1)).Header("Jit-Request"));
        Assert.Equal("approval-required", (await gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 1 }, NoWait, ("Jit-Request", first.Header("Jit-Request")!))).Problem);
        Assert.Equal(HttpStatusCode.Created, (await gateway.Send("POST", "/.jit/requests", alice, new { action = "orders.delete", reason = "clean up" })).Status);
        await gateway.Vote(bob, first.Header("Jit-Request")!);
        await gateway.Settled(alice, first.Header("Jit-Request")!);
        Assert.Equal(HttpStatusCode.OK, (await Refund(1)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);
    }

    [Fact]
    public async Task Votes_are_limited_by_voter()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders(
            "votes: {counts: votes, per: principal, window: {most: 2, within: 1h}}"));
        var (alice, bob, carol) = (await gateway.Token("alice"), await gateway.Token("bob"), await gateway.Token("carol"));
        var raised = await gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 1 }, NoWait);
        var request = raised.Header("Jit-Request")!;

        for (var i = 0; i < 2; i++)
            Assert.Equal(HttpStatusCode.Conflict, (await gateway.Approver("POST", $"requests/{request}/votes", bob, new { decision = "approve", digest = "guess" })).Status);
        var refused = await gateway.Vote(bob, request);
        Assert.Equal((HttpStatusCode.TooManyRequests, "rate-limited", "\"votes\";q=2;w=3600"), (refused.Status, refused.Problem, refused.Header("RateLimit-Policy")));
        Assert.NotNull(refused.Header("Retry-After"));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(carol, request)).Status);
    }

    [Fact]
    public async Task Calls_of_the_token_endpoint_are_limited_by_address()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders(
            "tokens: {counts: token_calls, per: address, window: {most: 2, within: 1h}}"));
        await gateway.Token("alice");
        await gateway.Token("bob");
        var issuer = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(gateway.Folder, "data", "dev-issuer.json")))!;
        using var client = new HttpClient();
        using var form = new FormUrlEncodedContent([new("grant_type", "client_credentials"), new("client_id", "carol"), new("client_secret", "guess")]);
        using var refused = await client.PostAsync(new Uri(issuer["token_endpoint"]!.GetValue<string>()), form);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
    }
}
