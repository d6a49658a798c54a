using System.Net;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;

namespace JitGrains.GatewayTests.Calls;

/// <summary>Another policy comes into force while a call is held, and denies it.</summary>
public sealed class HeldAndDeniedTests
{
    private const string Before = """
        version: 1
        realm: dev
        groups: {engineering: {}, managers: {}}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            actions:
              orders.refund: {methods: [POST], path: "/orders/{id}/refunds", access: write}
        rules:
          - name: refunds
            who: {groups: [engineering]}
            actions: {names: [orders.refund]}
            effect: approve
            approve: {stages: [{groups: [managers]}]}
        """;

    [Fact]
    public async Task It_does_not_run_though_it_is_approved_and_the_denial_is_in_the_journal()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Before, args: ["--store", "memory"]);
        var (alice, bob, dave) = (await gateway.Token("alice"), await gateway.Token("bob"), await gateway.Token("dave"));
        var held = gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 }, ("Prefer", "wait=50"));
        var request = await gateway.PendingRequest(bob);
        var address = upstream.Address.GetLeftPart(UriPartial.Authority);
        var deny = Before[..Before.IndexOf("    effect: approve", StringComparison.Ordinal)] + "    effect: deny\n";
        await gateway.Reload(deny.Replace("$UPSTREAM", address, StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(bob, request)).Status);

        var answer = await held;
        Assert.Equal((HttpStatusCode.Forbidden, "denied"), (answer.Status, answer.Problem));
        Assert.Empty(upstream.Seen);
        var entry = await Eventually.Get(async () => (await gateway.Approver("GET", "audit?type=call.denied", dave)).Json["items"]!.AsArray() is [{ } only] ? only : null);
        Assert.Equal("orders.refund", entry["data"]!["action"]!.GetValue<string>());
    }
}
