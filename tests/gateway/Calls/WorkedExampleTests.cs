using System.Net;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Calls;

/// <summary>What the README tells a newcomer to do.</summary>
public sealed class WorkedExampleTests
{
    [Fact]
    public async Task A_refund_is_held_approved_and_run_once()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", alice)).Status);

        var held = gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 });
        var request = await gateway.PendingRequest(bob);
        Assert.False(held.IsCompleted);
        Assert.DoesNotContain(upstream.Seen, c => c.Method == "POST");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(bob, request)).Status);

        var answer = await held;
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("""{"amount":25}""", answer.Json["body"]!.GetValue<string>());
        Assert.Equal("private, no-store", answer.Header("Cache-Control"));
        Assert.Null(answer.Header("Jit-Decision"));
        Assert.Single(upstream.Seen, c => c.Method == "POST");

        // The same call again is a new ask; with the used request's id it is told what came of that.
        var again = await gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 }, ("Prefer", "wait=0"));
        Assert.Equal((HttpStatusCode.Forbidden, "approval-required"), (again.Status, again.Problem));
        Assert.NotEqual(request, again.Header("Jit-Request"));
        var used = await gateway.Send("POST", "/orders/42/refunds", alice, new { amount = 25 }, ("Jit-Request", request));
        Assert.Equal((HttpStatusCode.Conflict, "already-used"), (used.Status, used.Problem));
        Assert.Equal("completed", used.Json["execution"]!["status"]!.GetValue<string>());
        Assert.Single(upstream.Seen, c => c.Method == "POST");
    }

    [Fact]
    public async Task A_window_is_used_several_times_and_revoked()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        await gateway.Granted(alice, bob, new { action = "orders.delete", duration_seconds = 600, reason = "tidying up" });

        for (var order = 41; order < 46; order++)
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", $"/orders/{order}", alice)).Status);

        var grant = (await gateway.Send("GET", "/.jit/grants", alice)).Json["items"]!.AsArray().Single()!["id"]!.GetValue<string>();
        var revoked = await gateway.Approver("DELETE", $"grants/{grant}", bob, new { reason = "enough" });
        Assert.Equal(HttpStatusCode.OK, revoked.Status);
        var refused = await gateway.Send("DELETE", "/orders/46", alice, headers: [("Prefer", "wait=0"), ("Jit-Reason", "one more")]);
        Assert.Equal((HttpStatusCode.Forbidden, "approval-required"), (refused.Status, refused.Problem));
        Assert.Equal(5, upstream.Seen.Count(c => c.Method == "DELETE"));
    }

    [Fact]
    public async Task The_sample_upstream_keeps_what_happened()
    {
        await using var gateway = await GatewayFixture.Start();
        using var direct = new HttpClient { BaseAddress = gateway.Sample };

        using var refund = new StringContent("""{"amount": 25}""");
        using var first = await direct.PostAsync("/orders/42/refunds", refund);
        Assert.Equal(HttpStatusCode.Created, first.StatusCode);
        Assert.Contains("refund-1", await direct.GetStringAsync("/orders/42"), StringComparison.Ordinal);
        using var nonsense = await direct.PostAsync("/orders/42/refunds", new StringContent("{"));
        Assert.Equal(HttpStatusCode.BadRequest, nonsense.StatusCode);
        Assert.Equal(HttpStatusCode.NoContent, (await direct.DeleteAsync("/orders/41")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await direct.GetAsync("/orders/41")).StatusCode);
    }
}
