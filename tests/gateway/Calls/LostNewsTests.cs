using System.Net;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace JitGrains.GatewayTests.Calls;

/// <summary>A gateway that hears nothing of other processes' turns: no news arrives, only what it looks up itself.</summary>
public sealed class LostNewsTests
{
    private static readonly object Refund = new { amount = 25 };

    [Fact]
    public async Task A_held_call_runs_although_every_wake_up_is_lost()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, configure: Deaf);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var held = gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=50"));
        await gateway.Vote(bob, await gateway.PendingRequest(bob));
        Assert.Equal(HttpStatusCode.OK, (await held).Status);
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task A_caller_whose_request_was_approved_meanwhile_is_not_refused_for_an_old_view()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, configure: Deaf);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var refused = await gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=0"));
        Assert.Equal("approval-required", refused.Problem);
        var id = refused.Header("Jit-Request")!;
        await gateway.Vote(bob, id);
        await gateway.Settled(alice, id);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/orders/42/refunds", alice, Refund)).Status);
    }

    [Fact]
    public async Task A_request_is_taken_back_although_its_grain_is_told_by_message()
    {
        await using var gateway = await GatewayFixture.Start(configure: Deaf);
        var alice = await gateway.Token("alice");
        var id = (await gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=0"))).Header("Jit-Request")!;
        var cancelled = await gateway.Send("DELETE", $"/.jit/requests/{id}", alice);
        Assert.Equal((HttpStatusCode.OK, "cancelled"), (cancelled.Status, cancelled.Json["status"]!.GetValue<string>()));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", $"/.jit/requests/{id}", alice)).Status);
    }

    private static void Deaf(IServiceCollection services)
    {
        services.Replace(ServiceDescriptor.Singleton<IClusterBus, DeafBus>());
        services.RemoveAll<ICommitObserver>();
    }

    private sealed class DeafBus : IClusterBus
    {
        public event EventHandler? Resumed
        {
            add { }
            remove { }
        }

        public string Address => "";

        public void Publish(BusMessage message)
        {
        }

        public IDisposable Subscribe(string topic, Action<BusMessage> handler) => new MemoryStream();
    }
}
