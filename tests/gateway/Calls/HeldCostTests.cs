using System.Net;
using System.Net.Sockets;
using System.Text;
using JitGrains.Gateway.Holds;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Calls;

/// <summary>Run alone: what lives in the process is counted.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class HeldCostCollection
{
    public const string Name = "cost of holds";
}

/// <summary>What a held call keeps, and what it must not lose by keeping little.</summary>
[Collection(HeldCostCollection.Name)]
public sealed class HeldCostTests
{
    /// <summary>Objects alive, the client's sockets included: some 15 KB as tests are built, of which bare Kestrel keeps 10.</summary>
    private const long Most = 17_000;

    /// <summary>As many as one principal may have pending.</summary>
    private const int PerCaller = 20;

    [Fact]
    public async Task A_held_caller_keeps_little_more_alive_than_its_connection_does()
    {
        await using var gateway = await GatewayFixture.Start();
        var tokens = new string[60];
        for (var i = 0; i < tokens.Length; i++)
            tokens[i] = await gateway.Token("alice", $"agent:held-{i}");
        var room = gateway.Services.GetRequiredService<HoldRoom>();
        var sockets = new List<Socket>();
        // What is needed once is there then.
        await Hold(200);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        await Hold(1_200);
        var each = (GC.GetTotalMemory(forceFullCollection: true) - before) / 1_000;
        sockets.ForEach(s => s.Dispose());
        await Eventually.Holds(() => room.Held == 0);

        Assert.InRange(each, 1_000, Most);

        async Task Hold(int upTo)
        {
            while (sockets.Count < upTo)
            {
                var batch = Math.Min(sockets.Count + 100, upTo);
                while (sockets.Count < batch)
                    sockets.Add(await Send(gateway.Gateway, sockets.Count, tokens[sockets.Count / PerCaller]));
                await Eventually.Holds(() => room.Held == sockets.Count);
            }
        }
    }

    [Theory]
    [InlineData("prefix: /orders", false, "only the gateway needs it")]
    [InlineData("prefix: /orders\n    forward_authorization: true", true, "it goes upstream")]
    public async Task What_a_held_call_ran_without_is_its_token_and_only_where_nobody_needs_it(string api, bool arrives, string because)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Orders.Replace("prefix: /orders", api, StringComparison.Ordinal));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var held = gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 }, ("X-Other", "1"));

        await gateway.Vote(bob, await gateway.PendingRequest(bob));

        Assert.Equal(HttpStatusCode.OK, (await held).Status);
        var seen = Assert.Single(upstream.Seen).Headers;
        Assert.True(arrives == (seen.GetValueOrDefault("Authorization") == $"Bearer {alice}"), because);
        Assert.Equal("1", seen["X-Other"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_policy_that_looks_at_the_token_finds_it_after_the_wait(bool inRule)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Looking(inRule));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var held = gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 });

        await gateway.Vote(bob, await gateway.PendingRequest(bob));

        Assert.Equal(HttpStatusCode.OK, (await held).Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_policy_that_begins_to_look_at_tokens_decides_no_call_that_waits_without_one(bool inRule)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var held = gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 });
        var request = await gateway.PendingRequest(bob);
        await gateway.Reload(Looking(inRule).Replace("$UPSTREAM", upstream.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));

        await gateway.Vote(bob, request);

        Assert.Equal("denied", (await held).Problem);
        Assert.Empty(upstream.Seen);
        // Nothing was used up: sent again, it runs.
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 })).Status);
    }

    private static string Looking(bool inRule)
    {
        var at = inRule ? "    actions: {names: [orders.refund]}" : "        body_limit: 64KiB";
        return Policies.Orders.Replace(at, $"{at}\n{at[..^at.TrimStart().Length]}when: {{headers: {{authorization: {{prefix: Bearer}}}}}}", StringComparison.Ordinal);
    }

    private static async Task<Socket> Send(Uri to, int n, string token)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, to.Port);
        const string Body = "{\"amount\":10,\"note\":\"this call is held\"}";
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"POST /orders/{n}/refunds HTTP/1.1\r\nHost: {to.Authority}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nPrefer: wait=50\r\nContent-Length: {Body.Length}\r\n\r\n{Body}"));
        return socket;
    }
}
