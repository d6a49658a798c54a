using System.Net;
using JitGrains.Gateway.Holds;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Calls;

/// <summary>How holds end, and the ways back to a request.</summary>
public sealed class HoldTests
{
    private static readonly object Refund = new { amount = 25 };
    private static readonly (string, string) NoWait = ("Prefer", "wait=0");

    [Theory]
    [InlineData("deny", "request-denied")]
    [InlineData("cancel", "request-cancelled")]
    public async Task A_held_call_hears_how_its_request_ended(string end, string problem)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var held = gateway.Send("POST", "/orders/42/refunds", alice, Refund);
        var request = await gateway.PendingRequest(bob);

        if (end == "deny")
            await gateway.Vote(bob, request, "deny");
        else
            Assert.Equal("cancelled", (await gateway.Send("DELETE", $"/.jit/requests/{request}", alice)).Json["status"]!.GetValue<string>());

        var answer = await held;
        Assert.Equal((HttpStatusCode.Forbidden, problem), (answer.Status, answer.Problem));
        Assert.Equal(request, answer.Header("Jit-Request"));
        Assert.Empty(upstream.Seen);

        // After a denial the same thing cannot be asked again at once; after a cancellation it can.
        var expected = end == "deny" ? "cooling-down" : "approval-required";
        var again = await Eventually.Get(async () => await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait) is var a && a.Problem != "request-denied" ? a : null);
        Assert.Equal(expected, again.Problem);
        Assert.NotNull(again.Header("Retry-After"));
    }

    [Fact]
    public async Task The_same_call_joins_its_request_and_another_payload_is_another_ask()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        string Id(Answer a) => a.Header("Jit-Request")!;

        var first = await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait);
        Assert.Equal("approval-required", first.Problem);
        Assert.Equal(Id(first), first.Json["task"]!["id"]!.GetValue<string>());
        Assert.Equal(Id(first), Id(await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait)));
        Assert.Equal(Id(first), Id(await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait, ("Jit-Request", Id(first)))));
        Assert.Equal(Id(first), Id(await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait, ("X-Unbound", "anything"), ("User-Agent", "other"))));

        foreach (var (path, body, header) in new (string, object, (string, string))[]
        {
            ("/orders/42/refunds", new { amount = 26 }, ("X-Unbound", "1")),
            ("/orders/43/refunds", Refund, ("X-Unbound", "1")),
            ("/orders/42/refunds?x=1", Refund, ("X-Unbound", "1")),
            ("/orders/42/refunds", Refund, ("X-Bound", "1")),
            ("/orders/42/refunds", Refund, ("Idempotency-Key", "1")),
        })
        {
            Assert.NotEqual(Id(first), Id(await gateway.Send("POST", path, alice, body, NoWait, header)));
            var mismatch = await gateway.Send("POST", path, alice, body, NoWait, header, ("Jit-Request", Id(first)));
            Assert.Equal((HttpStatusCode.Conflict, "request-mismatch"), (mismatch.Status, mismatch.Problem));
        }

        // Nothing of that used the first one up.
        await gateway.Vote(bob, Id(first));
        await gateway.Settled(alice, Id(first));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Jit-Request", Id(first)))).Status);
        Assert.Single(upstream.Seen);
    }

    [Theory]
    [InlineData("rq_00000000000000000000000000", HttpStatusCode.NotFound, "not-found")]
    [InlineData("rq_1", HttpStatusCode.BadRequest, "bad-request")]
    [InlineData("'; drop table requests", HttpStatusCode.BadRequest, "bad-request")]
    public async Task A_request_that_is_not_there_is_said_so(string id, HttpStatusCode status, string problem)
    {
        await using var gateway = await GatewayFixture.Start();
        var answer = await gateway.Send("POST", "/orders/42/refunds", await gateway.Token("alice"), Refund, NoWait, ("Jit-Request", id));
        Assert.Equal((status, problem), (answer.Status, answer.Problem));
    }

    [Fact]
    public async Task Another_callers_request_is_not_there()
    {
        await using var gateway = await GatewayFixture.Start();
        var (alice, bob, agent) = (await gateway.Token("alice"), await gateway.Token("bob"), await gateway.Token("alice", "agent:triage-bot"));
        var id = (await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait)).Header("Jit-Request")!;

        foreach (var other in new[] { bob, agent })
        {
            Assert.Equal("not-found", (await gateway.Send("POST", "/orders/42/refunds", other, Refund, NoWait, ("Jit-Request", id))).Problem);
            Assert.Equal(HttpStatusCode.NotFound, (await gateway.Send("GET", $"/.jit/requests/{id}", other)).Status);
            Assert.Equal(HttpStatusCode.NotFound, (await gateway.Send("DELETE", $"/.jit/requests/{id}", other)).Status);
        }

        Assert.Equal("pending", (await gateway.Send("GET", $"/.jit/requests/{id}", alice)).Json["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_caller_that_hangs_up_leaves_its_request_open_and_uses_nothing()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var room = gateway.Services.GetRequiredService<HoldRoom>();
        using var client = new HttpClient();
        using var hangUp = new CancellationTokenSource();
        using var call = GatewayFixture.Request("POST", new Uri(gateway.Gateway, "/orders/42/refunds"), alice, Refund);
        var held = client.SendAsync(call, hangUp.Token);
        var request = await gateway.PendingRequest(bob);
        await Eventually.Holds(() => room.Held == 1);

        await hangUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => held);
        await Eventually.Holds(() => room.Held == 0);
        await gateway.Vote(bob, request);
        await gateway.Settled(alice, request);
        Assert.Empty(upstream.Seen);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/orders/42/refunds", alice, Refund)).Status);
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task A_request_that_nobody_decides_expires_by_the_clock()
    {
        var time = new ManualTime();
        await using var gateway = await GatewayFixture.Start(time: time);
        var alice = await gateway.Token("alice");
        var room = gateway.Services.GetRequiredService<HoldRoom>();
        var first = await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait);
        var id = first.Header("Jit-Request")!;

        // The hold ends first, then the request.
        var held = gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=30"));
        await Eventually.Holds(() => room.Held == 1);
        time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal("approval-required", (await held).Problem);

        time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal("expired", (await gateway.Send("GET", $"/.jit/requests/{id}", alice)).Json["status"]!.GetValue<string>());
        var named = await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait, ("Jit-Request", id));
        Assert.Equal((HttpStatusCode.Forbidden, "request-expired"), (named.Status, named.Problem));
        Assert.NotEqual(id, (await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait)).Header("Jit-Request"));
    }

    [Fact]
    public async Task A_graceful_stop_answers_held_callers_with_the_way_back()
    {
        var folder = Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        await using var upstream = await OrdersUpstream.Start();
        var gateway = await GatewayFixture.Start(upstream.Address, folder: folder);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var room = gateway.Services.GetRequiredService<HoldRoom>();
        var held = Enumerable.Range(0, 20).Select(_ => gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=50"))).ToArray();
        await Eventually.Holds(() => room.Held == 20);

        await gateway.Stop();

        foreach (var answer in await Task.WhenAll(held))
            Assert.Equal((HttpStatusCode.Forbidden, "approval-required"), (answer.Status, answer.Problem));
        var id = (await held[0]).Header("Jit-Request")!;
        Assert.All(await Task.WhenAll(held), a => Assert.Equal(id, a.Header("Jit-Request")));
    }

    [Fact]
    public async Task Where_the_room_is_full_nobody_is_held()
    {
        await using var gateway = await GatewayFixture.Start(configure: s => s.AddSingleton(new JitGrains.Gateway.Hosting.GatewayOptions { MaxHeld = 1 }));
        var alice = await gateway.Token("alice");
        var room = gateway.Services.GetRequiredService<HoldRoom>();
        var held = gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Prefer", "wait=50"));
        await Eventually.Holds(() => room.Held == 1);

        var turnedAway = await gateway.Send("POST", "/orders/43/refunds", alice, Refund, ("Prefer", "wait=50"));

        Assert.Equal("approval-required", turnedAway.Problem);
        Assert.False(held.IsCompleted);
        await gateway.Send("DELETE", $"/.jit/requests/{(await gateway.Approver("GET", "requests?status=pending&action=orders.refund", await gateway.Token("bob"))).Json["items"]!.AsArray().Single(i => i!["resource"]!.GetValue<string>() == "order=42")!["id"]}", alice);
        Assert.Equal("request-cancelled", (await held).Problem);
    }

    [Fact]
    public async Task A_rule_that_approves_by_itself_runs_the_call_even_where_the_caller_would_not_wait()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var answer = await gateway.Send("POST", "/orders/42/notes", await gateway.Token("alice"), new { text = "hello" }, NoWait);
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Single(upstream.Seen);
    }
}
