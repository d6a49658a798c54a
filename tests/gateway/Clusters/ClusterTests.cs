using System.Net;
using JitGrains.Approvals;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime;
using JitGrains.Silo.Secrets;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Clusters;

/// <summary>What goes from one process of a cluster to another: asks, votes, wake-ups, cancellations, policy.</summary>
public sealed class ClusterTests
{
    private static readonly object Refund = new { amount = 25 };
    private static readonly (string, string) Wait = ("Prefer", "wait=50");
    private static readonly (string, string) NoWait = ("Prefer", "wait=0");

    [Fact]
    public async Task A_call_held_at_a_gateway_runs_once_a_silo_has_the_vote()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var cluster = await ClusterFixture.Start(Policies.Orders, upstream.Address);
        var (alice, bob) = (await cluster.Token("alice"), await cluster.Token("bob"));

        var held = cluster.Send(0, "POST", "/orders/42/refunds", alice, Refund, Wait);
        await cluster.Vote(bob);
        Assert.Equal(HttpStatusCode.OK, (await held).Status);
        Assert.Single(upstream.Seen);

        // The grant was for one use, wherever it is tried.
        var again = await cluster.Send(1, "POST", "/orders/42/refunds", alice, Refund, NoWait);
        Assert.Equal("approval-required", again.Problem);
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task What_is_asked_at_one_gateway_is_known_at_the_other()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var cluster = await ClusterFixture.Start(Policies.Orders, upstream.Address);
        var (alice, bob) = (await cluster.Token("alice"), await cluster.Token("bob"));

        var asked = await cluster.Send(0, "POST", "/orders/42/refunds", alice, Refund, NoWait);
        var id = asked.Header("Jit-Request")!;
        Assert.Equal("pending", (await cluster.Send(0, "GET", $"/.jit/requests/{id}", alice)).Json["status"]!.GetValue<string>());
        Assert.Equal(id, (await cluster.Send(1, "POST", "/orders/42/refunds", alice, Refund, NoWait)).Header("Jit-Request"));

        var held = cluster.Send(0, "POST", "/orders/42/refunds", alice, Refund, Wait);
        var joined = cluster.Send(1, "POST", "/orders/42/refunds", alice, Refund, Wait, ("Jit-Request", id));
        await cluster.Vote(bob, id);
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.Conflict], new[] { (await held).Status, (await joined).Status }.Order());
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task A_request_taken_back_at_one_gateway_ends_the_wait_at_the_other()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var cluster = await ClusterFixture.Start(Policies.Orders, upstream.Address);
        var alice = await cluster.Token("alice");
        var id = (await cluster.Send(0, "POST", "/orders/42/refunds", alice, Refund, NoWait)).Header("Jit-Request")!;
        var held = cluster.Send(0, "POST", "/orders/42/refunds", alice, Refund, Wait);
        var cancelled = await cluster.Send(1, "DELETE", $"/.jit/requests/{id}", alice);
        Assert.Equal((HttpStatusCode.OK, "cancelled"), (cancelled.Status, cancelled.Json["status"]!.GetValue<string>()));
        Assert.Equal("request-cancelled", (await held).Problem);
    }

    [Fact]
    public async Task A_policy_is_in_force_at_every_gateway_once_it_is_applied()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var cluster = await ClusterFixture.Start(Policies.Orders, upstream.Address);
        var (alice, bob) = (await cluster.Token("alice"), await cluster.Token("bob"));
        var acknowledged = new List<int>();
        for (var round = 0; round < 5; round++)
        {
            var text = Policies.Orders.Replace("$UPSTREAM", upstream.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal) + $"\n# {round}\n";
            var applied = await cluster.Approver("PUT", "policy", bob, new { files = new Dictionary<string, string>(StringComparer.Ordinal) { ["policy.yaml"] = text } });
            Assert.Equal(HttpStatusCode.OK, applied.Status);
            // On a busy machine one may be waited out; it then goes on under another lease, and knows the policy.
            acknowledged.Add(applied.Json["gateways_acknowledged"]!.GetValue<int>());
            Assert.True(acknowledged[^1] + applied.Json["gateways_condemned"]!.GetValue<int>() >= 2);
            foreach (var gateway in new[] { 0, 1 })
            {
                var answer = await Eventually.Get(async () =>
                    await cluster.Send(gateway, "POST", $"/orders/{round}/refunds", alice, Refund, NoWait) is { Status: not HttpStatusCode.ServiceUnavailable } decided ? decided : null);
                Assert.Contains($"policy=\"{applied.Json["version"]!.GetValue<string>()}\"", answer.Header("Jit-Decision"), StringComparison.Ordinal);
            }
        }

        // But not always all: then nobody would hear of anything.
        Assert.Contains(acknowledged, a => a >= 2);
    }

    [Fact]
    public async Task A_gateway_has_no_part_of_what_only_silos_do()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var cluster = await ClusterFixture.Start(Policies.Orders, upstream.Address);
        var gateway = cluster.GatewayServices(0);
        Assert.Null(gateway.GetService<KeyRing>());
        Assert.Null(gateway.GetService<JitGrains.Grants.GrantSigner>());
        Assert.Null(gateway.GetService<ReviewDigestKey>());
        Assert.Throws<InvalidOperationException>(() => gateway.GetRequiredService<IGrainFactory>().GetGrain<IApprovalRequestGrain>("rq_1"));
        Assert.Throws<InvalidOperationException>(() => gateway.GetRequiredService<IGrainFactory>().GetGrain<JitGrains.PolicyVersions.IPolicyGrain>("policy"));
    }
}
