using System.Net;
using System.Text.Json.Nodes;
using JitGrains.Audit;
using JitGrains.Gateway.Journal;
using JitGrains.Gateway.Limits;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using JitGrains.Silo.Policies;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Limits;

/// <summary>Limits on calls as callers see them, over real HTTP.</summary>
public sealed class CallLimitTests
{
    [Fact]
    public async Task A_limit_answers_429_and_says_when_to_come_back()
    {
        var time = new ManualTime();
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders(
            "callers: {per: principal, headers: always, bucket: {rate: 1, every: 10s, burst: 2}}",
            "hour: {per: principal, window: {most: 100, within: 1h}}"), time);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        var first = await gateway.Send("GET", "/orders/1", alice);
        Assert.Equal((HttpStatusCode.OK, "\"callers\";q=2;w=20", "\"callers\";r=1;t=0"), (first.Status, first.Header("RateLimit-Policy"), first.Header("RateLimit")));
        var second = await gateway.Send("HEAD", "/orders/1", alice);
        Assert.Equal("\"callers\";r=0;t=10", second.Header("RateLimit"));

        var refused = await gateway.Send("GET", "/orders/1", alice);
        Assert.Equal((HttpStatusCode.TooManyRequests, "rate-limited"), (refused.Status, refused.Problem));
        Assert.Equal(("10", "\"callers\";q=2;w=20", "\"callers\";r=0;t=10"), (refused.Header("Retry-After"), refused.Header("RateLimit-Policy"), refused.Header("RateLimit")));
        Assert.Equal("[\"callers\"]", refused.Json["violated-policies"]!.ToJsonString());
        Assert.Equal("jitgrains; error=http_request_denied", refused.Header("Proxy-Status"));
        Assert.Equal(HttpStatusCode.TooManyRequests, (await gateway.Send("GET", "/.jit/whoami", alice)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", bob)).Status);

        // Not a moment before, and not a moment later: what was refused has not counted.
        time.Advance(TimeSpan.FromSeconds(9.999));
        Assert.Equal("1", (await gateway.Send("GET", "/orders/1", alice)).Header("Retry-After"));
        time.Advance(TimeSpan.FromSeconds(0.001));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);
        Assert.Equal(HttpStatusCode.TooManyRequests, (await gateway.Send("GET", "/orders/1", alice)).Status);
        Assert.Equal(["GET", "GET"], upstream.Seen.Where(c => c.Target == "/orders/1" && c.Method == "GET").Select(c => c.Method).Skip(1));
    }

    [Fact]
    public async Task What_an_action_refuses_costs_its_caller_nothing_else()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders(
            "callers: {per: principal, window: {most: 4, within: 1h}}",
            "lists: {actions: {names: [orders.list]}, window: {most: 1, within: 1h}}"));
        var alice = await gateway.Token("alice");

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders", alice)).Status);
        for (var i = 0; i < 5; i++)
            Assert.Equal("[\"lists\"]", (await gateway.Send("GET", "/orders", alice)).Json["violated-policies"]!.ToJsonString());
        // What policy denies has been decided, and counts; so has what is no action.
        Assert.Equal("denied", (await gateway.Send("PATCH", "/orders/1", alice)).Problem);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);
        Assert.Equal("[\"callers\"]", (await gateway.Send("GET", "/orders/1", alice)).Json["violated-policies"]!.ToJsonString());
        Assert.Equal(3, upstream.Seen.Count);
    }

    [Fact]
    public async Task Addresses_are_limited_before_anybody_is_known_but_preflights_and_health_are_not()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders("addresses: {per: address, window: {most: 2, within: 1h}}"));

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.NoContent, (await gateway.Send("OPTIONS", "/orders", headers: [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "GET")])).Status);
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/.jit/livez")).Status);
        }

        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/orders")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/.jit/whoami")).Status);
        var refused = await gateway.Send("GET", "/orders", headers: [("Origin", "https://app.example.com")]);
        Assert.Equal("rate-limited", refused.Problem);
        Assert.Equal("https://app.example.com", refused.Header("Access-Control-Allow-Origin"));
        Assert.Equal("rate-limited", (await gateway.Send("GET", "/orders", await gateway.Token("alice"))).Problem);
    }

    [Fact]
    public async Task Guessing_tokens_is_limited_by_address_and_good_tokens_cost_nothing()
    {
        var time = new ManualTime();
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders(
            "guesses: {counts: failed_authentication, per: address, bucket: {rate: 1, every: 1m, burst: 3}}"), time);
        var bob = await gateway.Token("bob");

        for (var i = 0; i < 10; i++)
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", bob)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/orders/1", bob + "x")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/.jit/grants", "guess")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Approver("GET", "requests", "guess")).Status);
        foreach (var refused in new[] { await gateway.Send("GET", "/orders/1", "guess"), await gateway.Send("GET", "/orders/1", bob), await gateway.Approver("GET", "requests", bob) })
            Assert.Equal((HttpStatusCode.TooManyRequests, "rate-limited", "60"), (refused.Status, refused.Problem, refused.Header("Retry-After")));
        time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", bob)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("GET", "requests", bob)).Status);
    }

    [Fact]
    public async Task A_place_among_those_that_run_comes_back_however_the_call_ends()
    {
        var (started, go) = (new SemaphoreSlim(0), new SemaphoreSlim(0));
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            started.Release();
            if (context.Request.Path == "/orders/left")
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            await go.WaitAsync(context.RequestAborted);
            if (context.Request.Path == "/orders/broken")
                context.Abort();
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders("running: {per: principal, concurrent: 1}"));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        foreach (var path in new[] { "/orders/1", "/orders/broken", "/orders/left" })
        {
            using var leaving = new CancellationTokenSource();
            using var client = new HttpClient();
            using var request = GatewayFixture.Request("GET", new Uri(gateway.Gateway, path), alice, null);
            var running = client.SendAsync(request, leaving.Token);
            await started.WaitAsync();

            var refused = await gateway.Send("GET", "/orders/2", alice);
            Assert.Equal((HttpStatusCode.TooManyRequests, "1", "\"running\";q=1;qu=\"concurrent-requests\"", "\"running\";r=0"),
                (refused.Status, refused.Header("Retry-After"), refused.Header("RateLimit-Policy"), refused.Header("RateLimit")));
            if (path == "/orders/left")
            {
                await leaving.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
            }
            else
            {
                go.Release();
                (await running).Dispose();
            }

            // Exactly one place is free again.
            go.Release();
            await Eventually.Get(async () => (await gateway.Send("GET", "/orders/3", alice)).Status == HttpStatusCode.OK ? "free" : null);
            await started.WaitAsync();
        }

        go.Release();
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/3", bob)).Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_held_call_leaves_its_place_to_others_unless_policy_counts_it(bool held)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders($"running: {{per: principal, concurrent: 1, held: {(held ? "true" : "false")}}}"));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        var refund = gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 });
        var request = await gateway.PendingRequest(bob);
        Assert.Equal(held ? HttpStatusCode.TooManyRequests : HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);
        await gateway.Vote(bob, request);
        Assert.Equal(HttpStatusCode.OK, (await refund).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);
    }

    [Fact]
    public async Task A_held_call_that_finds_no_place_after_its_approval_uses_nothing_up()
    {
        var (started, go) = (new SemaphoreSlim(0), new SemaphoreSlim(0));
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            if (context.Request.Method != "GET")
                return;
            started.Release();
            await go.WaitAsync(context.RequestAborted);
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders("running: {per: principal, concurrent: 1}"));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        var refund = gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 });
        var request = await gateway.PendingRequest(bob);
        var running = gateway.Send("GET", "/orders/1", alice);
        await started.WaitAsync();
        await gateway.Vote(bob, request);
        Assert.Equal("rate-limited", (await refund).Problem);
        Assert.DoesNotContain(upstream.Seen, c => c.Method == "POST");

        go.Release();
        await running;
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 })).Status);
        Assert.Single(upstream.Seen, c => c.Method == "POST");
    }

    [Fact]
    public async Task An_observing_api_is_not_limited()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(
            upstream.Address,
            LimitPolicies.Orders("callers: {per: principal, window: {most: 1, within: 1h}}").Replace("prefix: /orders\n", "prefix: /orders\n    mode: observe\n", StringComparison.Ordinal));
        var alice = await gateway.Token("alice");
        for (var i = 0; i < 3; i++)
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);
    }

    [Fact]
    public async Task Refusals_are_in_the_journal_as_counts()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders("callers: {per: principal, window: {most: 1, within: 1h}}"));
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        for (var i = 0; i < 8; i++)
            await gateway.Send("GET", "/orders/1", alice);
        await gateway.Send("GET", "/orders/1", bob);
        await gateway.Send("GET", "/orders/1", bob);

        await gateway.Services.GetRequiredService<LimitJournal>().Flush();
        var journal = gateway.Services.GetRequiredService<GatewayJournal>();
        var store = gateway.Services.GetRequiredService<IAuditStore>();
        var entries = await Eventually.Get(async () =>
        {
            var found = new List<JsonNode>();
            await foreach (var entry in store.ReadChainAsync(journal.Source))
            {
                Assert.DoesNotContain("alice", entry.Body, StringComparison.Ordinal);
                if (JsonNode.Parse(entry.Body)! is var body && body["type"]!.GetValue<string>() == AuditTypes.CallsLimited)
                    found.Add(body["data"]!);
            }

            return found.Count > 0 ? found : null;
        });
        Assert.Equal(["1", "7"], entries.Select(e => e["refused"]!.GetValue<string>()).Order(StringComparer.Ordinal));
        Assert.All(entries, e => Assert.Equal(("callers", "orders"), (e["limit"]!.GetValue<string>(), e["api"]!.GetValue<string>())));
    }

    [Fact]
    public async Task A_reload_does_not_reset_what_it_does_not_change()
    {
        var time = new ManualTime();
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, LimitPolicies.Orders("callers: {per: principal, window: {most: 1, within: 1h}}"), time);
        var alice = await gateway.Token("alice");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);

        await Reload("callers: {per: principal, window: {most: 1, within: 1h}}", "other: {per: address, concurrent: 100}");
        Assert.Equal("rate-limited", (await gateway.Send("GET", "/orders/1", alice)).Problem);
        await Reload("callers: {per: principal, window: {most: 2, within: 1h}}");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/1", alice)).Status);

        async Task Reload(params string[] limits)
        {
            var policies = gateway.Services.GetRequiredService<IPolicyProvider>();
            var before = policies.Current.Version;
            await File.WriteAllTextAsync(Path.Combine(gateway.Folder, "policy.yaml"), LimitPolicies.Orders(limits).Replace("$UPSTREAM", upstream.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));
            await Eventually.Get(() =>
            {
                time.Advance(TimeSpan.FromSeconds(2));
                return Task.FromResult(policies.Current.Version == before ? null : "loaded");
            });
        }
    }
}
