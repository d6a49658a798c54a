using System.Net;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Assertions;

/// <summary>The examples in the documentation let the gateway's calls in, and nobody else's.</summary>
public sealed class ExampleTests
{
    private const string Policy = """
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {members: [user:bob, user:carol]}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            assertion: true
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}", access: read}
              orders.refund: {methods: [POST], path: "/orders/{order}/refunds", binding: payload, access: write}
          others:
            upstreams: [$ECHO]
            prefix: /others
            assertion: true
            actions:
              others.read: {methods: [GET], path: "/others/{thing}", access: read}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {access: [read]}, effect: allow}
          - name: refunds
            who: {groups: [engineering]}
            actions: {access: [write]}
            effect: approve
            approve: {stages: [{groups: [managers]}], uses: once}
        """;

    [Theory]
    [InlineData("aspnetcore")]
    [InlineData("node")]
    [InlineData("python")]
    public async Task The_example_takes_the_gateways_calls_and_no_others(string language)
    {
        // It shows what it was sent, so that the test can try what others could send.
        await using var echo = await OrdersUpstream.Start();
        await using var first = await GatewayFixture.Start(echo.Address, Policy.Replace("$ECHO", "$UPSTREAM", StringComparison.Ordinal), args: ["--store", "memory"]);
        var (api, address) = await ExampleApi.Start(language, new Uri(first.Gateway, "/.jit/jwks"));
        await using var _ = api;
        await first.Reload(Policy.Replace("$UPSTREAM", address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal).Replace("$ECHO", echo.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));
        var (alice, bob) = (await first.Token("alice", agent: "agent:triage"), await first.Token("bob"));

        var read = await first.Send("GET", "/orders/42?page=1&x=%20y", alice);
        Assert.Equal((HttpStatusCode.OK, "dev:user:alice", "orders.read"), (read.Status, read.Json["sub"]!.GetValue<string>(), read.Json["action"]!.GetValue<string>()));
        Assert.Equal("dev:agent:triage", read.Json["act"]!["sub"]!.GetValue<string>());

        var refund = first.Send("POST", "/orders/42/refunds", alice, new { amount = 25 }, ("Prefer", "wait=50"));
        Assert.Equal(HttpStatusCode.OK, (await first.Vote(bob, await first.PendingRequest(bob))).Status);
        Assert.Equal((HttpStatusCode.OK, "dev:user:bob"), ((await refund).Status, (await refund).Json["approvers"]![0]!.GetValue<string>()));

        using var client = new HttpClient { BaseAddress = address };
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/orders/42")).StatusCode);
        await first.Send("GET", "/others/42", alice);
        var forOthers = echo.Seen.Last().Headers["Jit-Assertion"];
        Assert.Equal(HttpStatusCode.Unauthorized, await With(client, "/others/42", forOthers));
        Assert.Equal(HttpStatusCode.Unauthorized, await With(client, "/orders/42", forOthers[..^8] + "AAAAAAAA"));
        Assert.Equal(HttpStatusCode.Unauthorized, await With(client, "/orders/42", alice));

        // One that is good, but for another request than the one that it comes with.
        await first.Reload(Policy.Replace("$UPSTREAM", echo.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal).Replace("$ECHO", address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));
        await first.Send("GET", "/orders/42", alice);
        var good = echo.Seen.Last().Headers["Jit-Assertion"];
        Assert.Equal(HttpStatusCode.Unauthorized, await With(client, "/orders/43", good));
        Assert.Equal(HttpStatusCode.OK, await With(client, "/orders/42", good));
    }

    private static async Task<HttpStatusCode> With(HttpClient client, string path, string assertion)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("Jit-Assertion", assertion);
        return (await client.SendAsync(request)).StatusCode;
    }
}
