using System.Net;
using JitGrains.GatewayTests.Clusters;
using JitGrains.GatewayTests.Support;
using JitGrains.Quotas;
using JitGrains.Runtime;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Limits;

/// <summary>Limits that two gateways keep together over one database.</summary>
public sealed class SharedLimitTests
{
    [Fact]
    public async Task Two_gateways_together_admit_what_one_would()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var cluster = await ClusterFixture.Start(
            LimitPolicies.Orders(
                "together: {per: principal, apis: [orders], shared: true, window: {most: 64, within: 1h}}",
                "each: {per: principal, apis: [orders], window: {most: 1000, within: 1h}}"),
            upstream.Address);
        var alice = await cluster.Token("alice");
        await Settled(cluster);

        var admitted = 0;
        for (var i = 0; i < 60; i++)
        {
            foreach (var answer in await Task.WhenAll(cluster.Send(0, "GET", "/orders/1", alice), cluster.Send(1, "GET", "/orders/1", alice)))
            {
                if (answer.Status == HttpStatusCode.OK)
                    admitted++;
                else
                    Assert.Equal("[\"together\"]", answer.Json["violated-policies"]!.ToJsonString());
            }
        }

        // All of it, but for what one of two may leave while the other could use it.
        Assert.InRange(admitted, 32, 64);
    }

    [Fact]
    public async Task A_limit_follows_the_calls_and_a_gateway_that_stops_leaves_its_part()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var cluster = await ClusterFixture.Start(
            LimitPolicies.Orders("together: {shared: true, bucket: {rate: 10000, every: 1s}}"), upstream.Address);
        var alice = await cluster.Token("alice");
        await Settled(cluster);
        var first = cluster.GatewayServices(0).GetRequiredService<JitGrains.Silo.Limits.Limiting>();
        var policies = cluster.GatewayServices(0).GetRequiredService<JitGrains.Silo.Policies.IPolicyProvider>();
        int Held() => Assert.Single(first.For(policies.Current).All).Held;

        await Eventually.Get(async () =>
        {
            await cluster.Send(0, "GET", "/orders/1", alice);
            return Held() > 8000 ? "followed" : null;
        });
        await cluster.Stop(1);
        await Eventually.Holds(() => Held() == 10_000);
        Assert.Equal(new QuotaView(10_000, 1), await cluster.GatewayServices(0).GetRequiredService<IGrainFactory>().GetGrain<IQuotaGrain>("together").Get());
    }

    private static Task<string> Settled(ClusterFixture cluster) => Eventually.Get(async () =>
    {
        var policies = cluster.GatewayServices(0).GetRequiredService<JitGrains.Silo.Policies.IPolicyProvider>();
        var total = policies.Current.Limits.First(l => l.Definition.Shared).Definition.Terms.Parts;
        var view = await cluster.GatewayServices(0).GetRequiredService<IGrainFactory>().GetGrain<IQuotaGrain>("together").Get();
        return view.Gateways == 2 && view.Parts == total ? "settled" : null;
    });
}
