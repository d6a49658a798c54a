using System.Net;
using JitGrains.GatewayTests.Support;

namespace JitGrains.IdentityTests.Calls;

/// <summary>Agents that act for people, through the whole process: both are shown, neither approves, and a grant of one is no grant of the other.</summary>
public sealed class AgentTests : IAsyncLifetime
{
    private const string Policy = """
        version: 1
        realm: dev
        groups:
          managers: {}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}"}
              orders.close: {methods: [PUT], path: "/orders/{order}/closed", binding: resource, hold: {default: 0s, cap: 30s}}
              orders.wipe: {methods: [DELETE], path: "/orders/{order}", binding: resource}
        rules:
          - name: triage-reads
            who: {groups: [managers], actors: ["agent:triage-bot"]}
            actions: {names: [orders.read]}
            effect: allow
          - name: closing
            who: {groups: [managers]}
            actions: {names: [orders.close]}
            effect: approve
            approve: {stages: [{groups: [managers]}], uses: {default: 9, max: 9}}
          - name: wiping-in-person
            who: {groups: [managers], actors: none}
            actions: {names: [orders.wipe]}
            effect: allow
        """;

    private OrdersUpstream upstream = null!;
    private GatewayFixture gateway = null!;

    public async Task InitializeAsync()
    {
        upstream = await OrdersUpstream.Start();
        gateway = await GatewayFixture.Start(upstream.Address, Policy);
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_grant_of_an_agent_is_its_own()
    {
        var (bob, agent, carol) = (await gateway.Token("bob"), await gateway.Token("bob", "agent:triage-bot"), await gateway.Token("carol"));
        var asked = await gateway.Send("PUT", "/orders/1/closed", agent);
        var id = asked.Header("Jit-Request")!;
        var shown = (await gateway.Approver("GET", $"requests/{id}", carol)).Json["request"]!;
        Assert.Equal("dev:user:bob", shown["principal"]!.GetValue<string>());
        Assert.Equal(["dev:agent:triage-bot"], shown["actors"]!.AsArray().Select(a => a!.GetValue<string>()));
        Assert.Contains("dev:user:bob through dev:agent:triage-bot", shown["summary"]!.GetValue<string>(), StringComparison.Ordinal);

        // Bob is an approver, and it is his own agent's ask; an agent votes for nobody.
        var vote = new { decision = "approve", digest = shown["digest"]!.GetValue<string>() };
        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Approver("POST", $"requests/{id}/votes", bob, vote)).Status);
        Assert.NotEqual(HttpStatusCode.OK, (await gateway.Approver("POST", $"requests/{id}/votes", await gateway.Token("carol", "agent:triage-bot"), vote)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("POST", $"requests/{id}/votes", carol, vote)).Status);
        await gateway.Settled(agent, id);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/1/closed", agent)).Status);
        Assert.Equal("approval-required", (await gateway.Send("PUT", "/orders/1/closed", bob)).Problem);
        Assert.Equal("approval-required", (await gateway.Send("PUT", "/orders/1/closed", await gateway.Token("bob", "agent:other"))).Problem);
        Assert.Equal("approval-required", (await gateway.Send("PUT", "/orders/1/closed", await gateway.Token("carol", "agent:triage-bot"))).Problem);
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task A_grant_of_a_person_is_not_its_agents()
    {
        var bob = await gateway.Token("bob");
        var id = (await gateway.Send("PUT", "/orders/2/closed", bob)).Header("Jit-Request")!;
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(await gateway.Token("carol"), id)).Status);
        await gateway.Settled(bob, id);
        Assert.Equal("approval-required", (await gateway.Send("PUT", "/orders/2/closed", await gateway.Token("bob", "agent:triage-bot"))).Problem);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/2/closed", bob)).Status);
    }

    [Fact]
    public async Task Rules_are_about_people_and_agents()
    {
        var (bob, agent, other) = (await gateway.Token("bob"), await gateway.Token("bob", "agent:triage-bot"), await gateway.Token("bob", "agent:other"));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/3", agent)).Status);
        Assert.Equal("denied", (await gateway.Send("GET", "/orders/3", bob)).Problem);
        Assert.Equal("denied", (await gateway.Send("GET", "/orders/3", other)).Problem);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/3", bob)).Status);
        Assert.Equal("denied", (await gateway.Send("DELETE", "/orders/3", agent)).Problem);
    }
}
