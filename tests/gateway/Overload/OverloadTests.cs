using System.Net;
using JitGrains.Gateway.Hosting;
using JitGrains.Gateway.Overload;
using JitGrains.Gateway.Telemetry;
using JitGrains.GatewayTests.Support;
using JitGrains.Principals;
using JitGrains.Runtime;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Overload;

/// <summary>More than can be served, and a store that is slow or gone: what is turned away, and what goes on.</summary>
public sealed class OverloadTests
{
    private static readonly object Refund = new { amount = 25 };

    [Fact]
    public async Task Calls_beyond_the_most_are_turned_away_and_everything_else_goes_on()
    {
        var release = new TaskCompletionSource();
        await using var upstream = await OrdersUpstream.Start(context => context.Request.Path.Value!.EndsWith("/1", StringComparison.Ordinal) ? release.Task : Task.CompletedTask);
        await using var gateway = await Start(upstream, ("MaxCalls", "1"));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        // Held for a person, it takes nobody's place.
        var held = gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=50"));
        var request = await gateway.PendingRequest(bob);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/2", alice)).Status);

        var slow = gateway.Send("GET", "/orders/1", alice);
        await Eventually.Holds(() => upstream.Seen.Any(s => s.Target == "/orders/1"));
        var refused = await gateway.Send("GET", "/orders/2", alice);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "overloaded", "1"), (refused.Status, refused.Problem, refused.Header("Retry-After")));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", $"/.jit/requests/{request}", alice)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(bob, request)).Status);
        // It was let in before, and goes on whatever there is.
        Assert.Equal(HttpStatusCode.OK, (await held).Status);
        release.SetResult();
        Assert.Equal(HttpStatusCode.OK, (await slow).Status);
        await Eventually.Holds(() => gateway.Services.GetRequiredService<LoadShedder>().Calls == 0);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/2", alice)).Status);
    }

    [Fact]
    public async Task Every_way_a_call_can_end_gives_its_place_back()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await Start(upstream, ("MaxCalls", "4"));
        var alice = await gateway.Token("alice");
        using var client = new HttpClient();
        for (var round = 0; round < 20; round++)
        {
            await gateway.Send("GET", "/orders/2");
            await gateway.Send("GET", "/orders/%2e%2e", alice);
            await gateway.Send("DELETE", "/nothing", alice);
            await gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=0"));
            using var left = new CancellationTokenSource();
            using var request = GatewayFixture.Request("POST", new Uri(gateway.Gateway, "/orders/43/refunds"), alice, Refund, ("Prefer", "wait=50"));
            var held = client.SendAsync(request, left.Token);
            await Eventually.Holds(() => gateway.Services.GetRequiredService<Gateway.Holds.HoldRoom>().Held == 1);
            await left.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => held);
            await Eventually.Holds(() => gateway.Services.GetRequiredService<Gateway.Holds.HoldRoom>().Held == 0);
        }

        await Eventually.Holds(() => gateway.Services.GetRequiredService<LoadShedder>().Calls == 0);
    }

    [Fact]
    public void Of_a_hundred_as_many_are_turned_away_as_should_be()
    {
        using var shedder = new LoadShedder(new GatewayOptions(), Metrics(), TimeProvider.System);
        foreach (var share in new[] { 0, 1, 37, 95 })
        {
            shedder.Set(new Pressure(share / 100.0, 2));
            Assert.Equal(share, Enumerable.Range(0, 100).Count(_ => !shedder.TryEnter()));
        }
    }

    [Fact]
    public async Task Never_more_than_the_most_are_in_at_once()
    {
        using var shedder = new LoadShedder(new GatewayOptions { MaxCalls = 3 }, Metrics(), TimeProvider.System);
        var (inside, most, turnedAway) = (0, 0, 0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 20_000; i++)
            {
                if (!shedder.TryEnter())
                {
                    Interlocked.Increment(ref turnedAway);
                    continue;
                }

                var now = Interlocked.Increment(ref inside);
                if (now > Volatile.Read(ref most))
                    Volatile.Write(ref most, now);
                Interlocked.Decrement(ref inside);
                shedder.Leave();
            }
        })));
        Assert.InRange(most, 1, 3);
        Assert.Equal(0, shedder.Calls);
    }

    [Fact]
    public async Task While_the_store_is_gone_it_is_left_alone_and_what_needs_none_goes_on()
    {
        await using var upstream = await OrdersUpstream.Start();
        var store = new TroubledStore();
        await using var gateway = await Start(upstream, store);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "cleaning up", duration_seconds = 600 });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/7", alice)).Status);

        store.IsGone = true;
        var asked = store.Asked;
        for (var i = 0; i < 200; i++)
            Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.Send("POST", $"/orders/{i}/refunds", alice, Refund, ("Prefer", "wait=0"))).Status);
        // Five times, and then once in a while.
        Assert.InRange(store.Asked - asked, 5, 60);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/2", alice)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/7", alice)).Status);

        store.IsGone = false;
        await Eventually.Get(async () => (await gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=0"))).Problem == "approval-required" ? "" : null);
    }

    [Fact]
    public async Task A_slow_store_is_waited_for_by_so_many_and_one_caller_is_not_all_of_them()
    {
        await using var upstream = await OrdersUpstream.Start();
        var store = new TroubledStore();
        await using var gateway = await Start(upstream, store, ("MaxStoreWaits", "8"));
        var (alice, agent) = (await gateway.Token("alice"), await gateway.Token("alice", "agent:a"));
        // What each knows of its grants is in memory.
        foreach (var caller in new[] { alice, agent })
            await gateway.Send("POST", "/orders/1/refunds", caller, Refund, ("Prefer", "wait=0"));

        var back = new TaskCompletionSource();
        store.Wait = back.Task;
        var guard = gateway.Services.GetRequiredService<StoreGuard>();
        var waiting = Enumerable.Range(0, 6).Select(i => gateway.Send("POST", $"/orders/{i + 10}/refunds", alice, Refund, ("Prefer", "wait=0"))).ToArray();
        await Eventually.Holds(() => waiting.Count(w => w.IsCompleted) == 4);
        Assert.Equal(2, guard.Waiting);
        // Somebody else still gets through to it.
        var other = gateway.Send("POST", "/orders/11/refunds", agent, Refund, ("Prefer", "wait=0"));
        await Eventually.Holds(() => guard.Waiting == 3);
        back.SetResult();
        Assert.Equal("approval-required", (await other).Problem);
        Assert.Equal(
            [HttpStatusCode.Forbidden, HttpStatusCode.Forbidden, .. Enumerable.Repeat(HttpStatusCode.ServiceUnavailable, 4)], (await Task.WhenAll(waiting)).Select(a => a.Status).Order());
        await Eventually.Holds(() => guard.Waiting == 0);
    }

    private static Task<GatewayFixture> Start(OrdersUpstream upstream, params (string Name, string Value)[] settings) =>
        GatewayFixture.Start(upstream.Address, Policies.Orders, settings: settings.ToDictionary(s => s.Name, s => s.Value, StringComparer.Ordinal), args: ["--store", "memory"]);

    private static Task<GatewayFixture> Start(OrdersUpstream upstream, TroubledStore store, params (string Name, string Value)[] settings) =>
        GatewayFixture.Start(upstream.Address, Policies.Orders, configure: store.PutInFront, settings: settings.ToDictionary(s => s.Name, s => s.Value, StringComparer.Ordinal), args: ["--store", "memory"]);

    private static GatewayMetrics Metrics() => new(new ServiceCollection().AddMetrics().BuildServiceProvider().GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>());

    /// <summary>Principals' grains that can be gone, or slow.</summary>
    private sealed class TroubledStore
    {
        private int asked;

        public volatile bool IsGone;

        public Task Wait { get; set; } = Task.CompletedTask;

        public int Asked => Volatile.Read(ref asked);

        public void PutInFront(IServiceCollection services)
        {
            var inner = services.Last(s => s.ServiceType == typeof(IGrainFactory));
            services.Remove(inner);
            services.AddSingleton<IGrainFactory>(p => new Factory(this, (IGrainFactory)(inner.ImplementationFactory?.Invoke(p) ?? ActivatorUtilities.CreateInstance(p, inner.ImplementationType!))));
        }

        private sealed class Factory(TroubledStore store, IGrainFactory inner) : IGrainFactory
        {
            public T GetGrain<T>(string primaryKey) where T : IGrainWithStringKey
            {
                var grain = inner.GetGrain<T>(primaryKey);
                return grain is IPrincipalGrain principal ? (T)TroubledPrincipal.Over(store, principal) : grain;
            }
        }

        public class TroubledPrincipal : System.Reflection.DispatchProxy
        {
            private TroubledStore store = null!;
            private IPrincipalGrain inner = null!;

            public static IPrincipalGrain Over(object store, IPrincipalGrain inner)
            {
                var proxy = Create<IPrincipalGrain, TroubledPrincipal>();
                ((TroubledPrincipal)(object)proxy).store = (TroubledStore)store;
                ((TroubledPrincipal)(object)proxy).inner = inner;
                return proxy;
            }

            protected override object? Invoke(System.Reflection.MethodInfo? targetMethod, object?[]? args)
            {
                Interlocked.Increment(ref store.asked);
                if (store.IsGone)
                    throw new StoreUnavailableException("gone", new IOException());
                if (targetMethod!.Name != nameof(IPrincipalGrain.Ask) || store.Wait.IsCompleted)
                    return targetMethod.Invoke(inner, args);
                return Later((AskCommand)args![0]!);
            }

            private async Task<Reply<AskAccepted>> Later(AskCommand command)
            {
                await store.Wait;
                return await inner.Ask(command);
            }
        }
    }
}
