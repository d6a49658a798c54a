using System.Net;
using JitGrains.Gateway.Leases;
using JitGrains.Gateway.Holds;
using JitGrains.GatewayTests.Support;
using JitGrains.Grants;
using JitGrains.Principals;
using JitGrains.Runtime.Engine;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Calls;

/// <summary>Executions: once where counted, and never past the end of what allows them.</summary>
public sealed class GrantTests
{
    private static readonly object Refund = new { amount = 25 };
    private static readonly (string, string) NoWait = ("Prefer", "wait=0");

    [Fact]
    public async Task Of_twenty_retries_of_one_approved_call_one_runs()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        for (var round = 0; round < 10; round++)
        {
            var id = (await gateway.Send("POST", $"/orders/{round}/refunds", alice, Refund, NoWait)).Header("Jit-Request")!;
            await gateway.Vote(bob, id);
            await gateway.Settled(alice, id);

            var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => gateway.Send("POST", $"/orders/{round}/refunds", alice, Refund, NoWait, ("Jit-Request", id))));

            Assert.Single(answers, a => a.Status == HttpStatusCode.OK);
            Assert.All(answers.Where(a => a.Status != HttpStatusCode.OK), a => Assert.Equal("already-used", a.Problem));
            Assert.Single(upstream.Seen, c => c.Target == $"/orders/{round}/refunds");
        }
    }

    [Fact]
    public async Task Of_twenty_held_calls_one_runs_when_their_request_is_approved()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var room = gateway.Services.GetRequiredService<HoldRoom>();
        var held = Enumerable.Range(0, 20).Select(_ => gateway.Send("POST", "/orders/42/refunds", alice, Refund)).ToArray();
        await Eventually.Holds(() => room.Held == 20);
        var id = await gateway.PendingRequest(bob);

        await gateway.Vote(bob, id);

        var answers = await Task.WhenAll(held);
        Assert.Single(answers, a => a.Status == HttpStatusCode.OK);
        Assert.Equal(19, answers.Count(a => a.Problem == "already-used"));
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task Two_first_calls_of_the_same_thing_make_one_request()
    {
        await using var gateway = await GatewayFixture.Start();
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        for (var round = 0; round < 10; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => gateway.Send("POST", $"/orders/{round}/refunds", alice, Refund, NoWait)));
            Assert.Single(answers.Select(a => a.Header("Jit-Request")).Distinct());
        }

        Assert.Equal(10, (await gateway.Approver("GET", "requests?status=pending&limit=100", bob)).Json["items"]!.AsArray().Count);
    }

    [Theory]
    [InlineData("reads and closes")]
    [InlineData("is not there")]
    public async Task An_upstream_that_fails_a_counted_call_saw_it_once_at_most(string what)
    {
        await using var raw = new RawUpstream((_, _) => Task.FromResult(false));
        var address = raw.Address;
        if (what == "is not there")
            await raw.DisposeAsync();
        await using var gateway = await GatewayFixture.Start(address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var id = (await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait)).Header("Jit-Request")!;
        await gateway.Vote(bob, id);
        await gateway.Settled(alice, id);

        var answer = await gateway.Send("POST", "/orders/42/refunds", alice, Refund, ("Jit-Request", id));

        Assert.Equal((HttpStatusCode.BadGateway, "upstream-unreachable"), (answer.Status, answer.Problem));
        Assert.Equal(what == "is not there" ? 0 : 1, raw.Heads.Count);
        var used = await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait, ("Jit-Request", id));
        Assert.Equal("already-used", used.Problem);
        Assert.Equal("failed", used.Json["execution"]!["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_grant_of_two_uses_is_used_twice()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        await gateway.Granted(alice, bob, new { action = "orders.close", resource = new { order = "7" }, uses = 2 });

        Assert.Equal("approval-required", (await gateway.Send("PUT", "/orders/8/closed", alice, headers: NoWait)).Problem);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/7/closed", alice)).Status);
        Assert.Equal(1, (await gateway.Send("GET", "/.jit/grants", alice)).Json["items"]!.AsArray().Single()!["uses_left"]!.GetValue<int>());
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/7/closed", alice)).Status);
        Assert.Equal("approval-required", (await gateway.Send("PUT", "/orders/7/closed", alice, headers: NoWait)).Problem);
        Assert.Equal(2, upstream.Seen.Count);
    }

    public static TheoryData<string, string, bool> Ends() => new()
    {
        { "revoke", "export", true }, { "release", "export", true }, { "revoke-principal", "export", true }, { "expire", "export", true },
        { "revoke", "drained", false }, { "expire", "drained", false },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task A_running_stream_ends_with_its_grant_unless_it_drains(string end, string path, bool cut)
    {
        var time = end == "expire" ? new ManualTime(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero)) : null;
        var more = new SemaphoreSlim(0);
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            await context.Response.WriteAsync("first\n");
            await context.Response.Body.FlushAsync();
            await more.WaitAsync(context.RequestAborted);
            await context.Response.WriteAsync("last\n");
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, time: time);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var action = path == "export" ? "orders.export" : "orders.export_drained";
        var id = await gateway.Granted(alice, bob, new { action, duration_seconds = 600, reason = "monthly report" });
        using var client = new HttpClient();
        using var call = GatewayFixture.Request("GET", new Uri(gateway.Gateway, $"/orders/42/{path}"), alice, null);
        using var response = await client.SendAsync(call, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("first", await lines.ReadLineAsync());

        switch (end)
        {
            case "revoke":
                Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("DELETE", $"grants/{Grant.IdFor(id)}", bob)).Status);
                break;
            case "revoke-principal":
                Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("POST", "principals/dev:user:alice/revoke", bob, new { })).Status);
                break;
            case "release":
                Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", $"/.jit/grants/{Grant.IdFor(id)}", alice)).Status);
                break;
            default:
                time!.Advance(TimeSpan.FromMinutes(11));
                break;
        }

        if (cut)
        {
            await Assert.ThrowsAnyAsync<IOException>(() => lines.ReadToEndAsync());
        }
        else
        {
            more.Release();
            Assert.Equal("last\n", await lines.ReadToEndAsync());
        }

        Assert.Equal("approval-required", (await gateway.Send("GET", $"/orders/42/{path}", alice, headers: [NoWait, ("Jit-Reason", "again")])).Problem);
    }

    [Fact]
    public async Task A_stream_ends_with_its_token()
    {
        var time = new ManualTime(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            await context.Response.WriteAsync("first\n");
            await context.Response.Body.FlushAsync();
            await new SemaphoreSlim(0).WaitAsync(context.RequestAborted);
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open.Replace("2s", "10h", StringComparison.Ordinal), time);
        using var client = new HttpClient();
        using var call = GatewayFixture.Request("GET", new Uri(gateway.Gateway, "/x"), await gateway.Token("alice"), null);
        using var response = await client.SendAsync(call, HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.Equal("first", await lines.ReadLineAsync());

        time.Advance(TimeSpan.FromHours(2));

        await Assert.ThrowsAnyAsync<IOException>(() => lines.ReadToEndAsync());
    }

    [Fact]
    public async Task What_was_cut_off_in_an_earlier_run_is_unknown_and_not_run_again()
    {
        var folder = Directory.CreateTempSubdirectory("jitgrains-test-").FullName;
        await using var upstream = await OrdersUpstream.Start();
        string id;
        await using (var first = await GatewayFixture.Start(upstream.Address, folder: folder, keep: true))
        {
            var (alice, bob) = (await first.Token("alice"), await first.Token("bob"));
            id = await first.Granted(alice, bob, new { action = "orders.close", resource = new { order = "7" }, uses = 1 });
            // As if the process died between taking the use and the upstream's answer.
            var taken = await first.Services.GetRequiredService<IGrainFactory>().GetGrain<IPrincipalGrain>("dev:user:alice").Consume(
                new ConsumeCommand("ex_00000000000000000000000001", Grant.IdFor(id), "gw_00000000000000000000000001", "orders.close", "order=7", null, "k", "v"));
            Assert.NotNull(taken.Value);
        }

        await using var second = await GatewayFixture.Start(upstream.Address, folder: folder);
        var again = await second.Token("alice");
        var readModel = second.Services.GetRequiredService<IReadModel>();
        var outcome = await Eventually.Get(async () => (await readModel.GetExecutionAsync("ex_00000000000000000000000001"))?.Outcome);
        Assert.Equal(ExecutionStatus.Unknown, outcome.Status);
        var refused = await second.Send("PUT", "/orders/7/closed", again, headers: NoWait);
        Assert.Equal("approval-required", refused.Problem);
        Assert.Empty(upstream.Seen);
    }

    [Fact]
    public async Task A_store_that_fails_closes_approve_rules_and_leaves_allow_rules()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, configure: s => s.AddSingleton<IGatewayLease, NoLease>());
        var alice = await gateway.Token("alice");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", alice)).Status);
        var refused = await gateway.Send("POST", "/orders/42/refunds", alice, Refund, NoWait);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "unavailable"), (refused.Status, refused.Problem));
        Assert.NotNull(refused.Header("Retry-After"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.Send("POST", "/.jit/requests", alice, new { action = "orders.delete", reason = "x" })).Status);
    }

    private sealed class NoLease : IGatewayLease
    {
        public bool IsLive => false;

        public bool MayAllow => true;

        public string Incarnation => "gw_none";
    }
}
