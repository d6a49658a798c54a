using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Exchange;

/// <summary>A caller's own token for one that does one thing.</summary>
public sealed class ExchangeTests
{
    private const string GrantType = "urn:ietf:params:oauth:grant-type:token-exchange";
    private const string AccessToken = "urn:ietf:params:oauth:token-type:access_token";
    private static readonly Dictionary<string, string> OneOrder = new(StringComparer.Ordinal) { ["order"] = "42" };

    [Fact]
    public async Task A_token_for_an_allowed_action_does_that_and_nothing_else()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, args: ["--store", "memory"]);
        var alice = await gateway.Token("alice");
        var answer = await Exchange(gateway, alice, new { type = "jit_action", action = "orders.read", resource = OneOrder });
        Assert.Equal((HttpStatusCode.OK, "Bearer", AccessToken), (answer.Status, Text(answer, "token_type"), Text(answer, "issued_token_type")));
        Assert.InRange(answer.Json["expires_in"]!.GetValue<int>(), 500, 600);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal("order=42", answer.Json["authorization_details"]![0]!["resource"]!.GetValue<string>());
        var token = Text(answer, "access_token");

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", token)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", token)).Status);
        var calls = upstream.Seen.Count;
        foreach (var (method, path) in new[] { ("GET", "/orders/43"), ("GET", "/orders"), ("DELETE", "/orders/42"), ("PUT", "/orders/42/closed"), ("POST", "/orders/42/refunds"), ("POST", "/orders/42/notes"), ("PATCH", "/orders/42") })
            Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Send(method, path, token, headers: ("Prefer", "wait=0"))).Status);
        Assert.Equal(calls, upstream.Seen.Count);
        // It asked for nothing either.
        Assert.Empty((await gateway.Approver("GET", "requests", await gateway.Token("bob"))).Json["items"]!.AsArray());

        // It is no token anywhere else, nor is a changed one anywhere.
        foreach (var path in new[] { "/.jit/whoami", "/.jit/grants" })
            Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", path, token)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Approver("GET", "requests", token)).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await Exchange(gateway, token, new { type = "jit_action", action = "orders.read", resource = OneOrder })).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/orders/42", token[..^4] + (token.EndsWith("AAAA", StringComparison.Ordinal) ? "BBBB" : "AAAA"))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/orders/42", "jitx_" + new string('A', 200))).Status);
        // No upstream ever sees it.
        Assert.DoesNotContain(upstream.Seen, s => s.Headers.Values.Any(v => v.Contains("jitx_", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task While_an_approval_is_pending_it_says_so_and_then_gives_a_token_for_that_grant()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, args: ["--store", "memory"]);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var detail = new { type = "jit_action", action = "orders.close", resource = OneOrder, reason = "done", uses = 1 };

        var pending = await Exchange(gateway, alice, detail);
        Assert.Equal((HttpStatusCode.BadRequest, "authorization_pending", 5), (pending.Status, Text(pending, "error"), pending.Json["interval"]!.GetValue<int>()));
        var id = Text(pending, "auth_req_id");
        // Too soon, with and without the id: the same request.
        var hasty = await Exchange(gateway, alice, detail, id);
        Assert.Equal(("slow_down", 10, id), (Text(hasty, "error"), hasty.Json["interval"]!.GetValue<int>(), Text(hasty, "auth_req_id")));
        Assert.Equal(("slow_down", id), (Text(await Exchange(gateway, alice, detail), "error"), Text(await Exchange(gateway, alice, detail), "auth_req_id")));
        Assert.Equal("done", (await gateway.Approver("GET", $"requests/{id}", bob)).Json["request"]!["reason"]!.GetValue<string>());

        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(bob, id)).Status);
        var given = await Eventually.Get(async () => await Exchange(gateway, alice, detail, id) is { Status: HttpStatusCode.OK } answer ? answer : null);
        Assert.Equal(("gr_" + id[3..], id), (given.Json["authorization_details"]![0]!["grant"]!.GetValue<string>(), given.Json["authorization_details"]![0]!["request"]!.GetValue<string>()));
        var token = Text(given, "access_token");

        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Send("PUT", "/orders/43/closed", token)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Send("GET", "/orders/42", token)).Status);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/42/closed", token)).Status);
        // Once is once.
        Assert.Equal(HttpStatusCode.Conflict, (await gateway.Send("PUT", "/orders/42/closed", token)).Status);
        Assert.Equal("invalid_grant", Text(await Exchange(gateway, alice, detail, id), "error"));
        Assert.Single(upstream.Seen);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Approver("POST", $"requests/{id}/votes", token, new { decision = "approve", digest = "x" })).Status);
    }

    [Fact]
    public async Task What_was_given_used_and_refused_is_on_record_and_no_token_is()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, args: ["--store", "memory"]);
        var (alice, bob, dave) = (await gateway.Token("alice"), await gateway.Token("bob"), await gateway.Token("dave"));
        var read = Text(await Exchange(gateway, alice, new { type = "jit_action", action = "orders.read", resource = OneOrder }), "access_token");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", read)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Send("GET", "/orders/43", read)).Status);
        var detail = new { type = "jit_action", action = "orders.close", resource = OneOrder, reason = "done", uses = 1 };
        var id = Text(await Exchange(gateway, alice, detail), "auth_req_id");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(bob, id)).Status);
        var close = Text(await Eventually.Get(async () => await Exchange(gateway, alice, detail, id) is { Status: HttpStatusCode.OK } answer ? answer : null), "access_token");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/42/closed", close)).Status);
        Assert.Equal("invalid_grant", Text(await Exchange(gateway, alice, detail, id), "error"));

        async Task<JsonObject[]> Trail(string type) => [.. (await gateway.Approver("GET", "audit?type=" + type, dave)).Json["items"]!.AsArray().Select(e => e!["data"]!.AsObject())];
        // Journals are written a moment later.
        var refused = await Eventually.Get(async () => (await Trail("token.refused")).FirstOrDefault());
        Assert.Equal(("invalid_grant", "orders.close", id), (Field(refused, "error"), Field(refused, "action"), Field(refused, "request")));
        var given = await Trail("token.given");
        Assert.Equal(2, given.Length);
        var (first, second) = (given.Single(g => Field(g, "action") == "orders.read"), given.Single(g => Field(g, "action") == "orders.close"));
        Assert.Equal((id, "gr_" + id[3..]), (Field(second, "request"), Field(second, "grant")));
        Assert.All(given, g => Assert.True(Field(g, "token").StartsWith("tk_", StringComparison.Ordinal) && g.ContainsKey("expires_at") && g.ContainsKey("principal") && g.ContainsKey("rule")));
        // What was done with each names it: allowed calls, refused ones, and uses of grants.
        Assert.Equal(Field(first, "token"), Field(Assert.Single(await Trail("call.forwarded")), "token"));
        Assert.Equal(Field(first, "token"), Field(Assert.Single(await Trail("call.denied")), "token"));
        Assert.Equal(Field(second, "token"), Field(Assert.Single(await Trail("grant.consumed")), "token"));
        Assert.DoesNotContain("jitx_", (await gateway.Approver("GET", "audit", dave)).Body, StringComparison.Ordinal);

        static string Field(JsonObject data, string name) => data[name]?.GetValue<string>() ?? "";
    }

    [Fact]
    public async Task A_token_ends_with_its_grant_and_rests_on_no_other()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, args: ["--store", "memory"]);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var id = await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "clean up" });
        // A grant that is there is exchanged at once; the token is narrower than it.
        var given = await Exchange(gateway, alice, new { type = "jit_action", action = "orders.delete", resource = OneOrder, reason = "clean up" });
        Assert.Equal(HttpStatusCode.OK, given.Status);
        var token = Text(given, "access_token");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/42", token)).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Send("DELETE", "/orders/43", token)).Status);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", $"/.jit/grants/gr_{id[3..]}", alice)).Status);
        var other = await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "again" });
        Assert.NotEqual(id, other);
        var calls = upstream.Seen.Count;
        Assert.NotEqual(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/42", token)).Status);
        Assert.Equal(calls, upstream.Seen.Count);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/42", alice)).Status);
    }

    [Fact]
    public async Task It_ends_after_minutes()
    {
        var time = new ManualTime();
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, time: time, args: ["--store", "memory"]);
        var alice = await gateway.Token("alice");
        var token = Text(await Exchange(gateway, alice, new { type = "jit_action", action = "orders.read", resource = OneOrder }), "access_token");
        time.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", token)).Status);
        time.Advance(TimeSpan.FromMinutes(1));
        var over = await gateway.Send("GET", "/orders/42", token);
        Assert.Equal((HttpStatusCode.Unauthorized, "token-expired"), (over.Status, over.Json["code"]!.GetValue<string>()));
    }

    [Fact]
    public async Task A_denial_and_what_policy_forbids_are_access_denied()
    {
        await using var gateway = await GatewayFixture.Start(args: ["--store", "memory"]);
        var (alice, bob, dave) = (await gateway.Token("alice"), await gateway.Token("bob"), await gateway.Token("dave"));
        var detail = new { type = "jit_action", action = "orders.close", resource = OneOrder };
        var id = Text(await Exchange(gateway, alice, detail), "auth_req_id");
        await gateway.Vote(bob, id, "deny");
        Assert.Equal("access_denied", Text(await Eventually.Get(async () => await Exchange(gateway, alice, detail, id) is var a && Text(a, "error") is not ("authorization_pending" or "slow_down") ? a : null), "error"));
        Assert.Equal("access_denied", Text(await Exchange(gateway, alice, detail), "error"));
        Assert.Equal("access_denied", Text(await Exchange(gateway, dave, detail), "error"));
    }

    [Fact]
    public async Task What_is_malformed_is_refused_with_the_protocols_words()
    {
        await using var gateway = await GatewayFixture.Start(args: ["--store", "memory"]);
        var alice = await gateway.Token("alice");
        var good = Form(alice, new { type = "jit_action", action = "orders.read", resource = OneOrder });
        async Task<string> Error(Action<Dictionary<string, string>> change)
        {
            var form = new Dictionary<string, string>(good, StringComparer.Ordinal);
            change(form);
            var answer = await Post(gateway, form);
            Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
            Assert.DoesNotContain(alice, answer.Body, StringComparison.Ordinal);
            return Text(answer, "error");
        }

        Assert.Equal("unsupported_grant_type", await Error(f => f["grant_type"] = "client_credentials"));
        Assert.Equal("invalid_request", await Error(f => f.Remove("subject_token")));
        Assert.Equal("invalid_request", await Error(f => f["subject_token"] = "x.y.z"));
        Assert.Equal("invalid_request", await Error(f => f["subject_token_type"] = "urn:ietf:params:oauth:token-type:saml2"));
        Assert.Equal("invalid_request", await Error(f => f["requested_token_type"] = "urn:ietf:params:oauth:token-type:id_token"));
        Assert.Equal("invalid_request", await Error(f => f["actor_token"] = alice));
        Assert.Equal("invalid_target", await Error(f => f["audience"] = "x"));
        Assert.Equal("invalid_scope", await Error(f => f["scope"] = "x"));
        foreach (var details in new[] { "", "{}", "[]", "[1]", "[{\"type\":\"x\",\"action\":\"orders.read\"}]", "[{\"type\":\"jit_action\"}]", "[{\"type\":\"jit_action\",\"action\":\"none\"}]", "[{\"type\":\"jit_action\",\"action\":\"orders.read\",\"more\":1}]", "[{\"type\":\"jit_action\",\"action\":\"orders.refund\",\"resource\":{\"order\":\"1\"}}]", "[{\"type\":\"jit_action\",\"action\":\"orders.read\"}]", "[" })
            Assert.Equal("invalid_authorization_details", await Error(f => f["authorization_details"] = details));
        Assert.Equal("invalid_grant", await Error(f =>
        {
            f["authorization_details"] = JsonSerializer.Serialize(new object[] { new { type = "jit_action", action = "orders.close", resource = OneOrder } });
            f["auth_req_id"] = "rq_00000000000000000000000000";
        }));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await gateway.Send("GET", "/.jit/token")).Status);
        Assert.Equal(HttpStatusCode.BadRequest, (await gateway.Send("POST", "/.jit/token", null, good)).Status);
    }

    [Fact]
    public async Task An_agents_token_stays_the_agents()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, args: ["--store", "memory"]);
        var (alice, agent, bob) = (await gateway.Token("alice"), await gateway.Token("alice", agent: "agent:build"), await gateway.Token("bob"));
        await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "clean up" });
        // A grant of one is none of the other.
        Assert.Equal("authorization_pending", Text(await Exchange(gateway, agent, new { type = "jit_action", action = "orders.delete", reason = "clean up" }), "error"));
        Assert.Equal(HttpStatusCode.OK, (await Exchange(gateway, alice, new { type = "jit_action", action = "orders.delete", reason = "clean up" })).Status);
    }

    private static string Text(Answer answer, string name) => answer.Json[name]?.GetValue<string>() ?? answer.Body;

    private static Dictionary<string, string> Form(string token, object detail, string? id = null)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = GrantType,
            ["subject_token"] = token,
            ["subject_token_type"] = AccessToken,
            ["authorization_details"] = JsonSerializer.Serialize(new[] { detail }),
        };
        if (id is not null)
            form["auth_req_id"] = id;
        return form;
    }

    private static Task<Answer> Exchange(GatewayFixture gateway, string token, object detail, string? id = null) => Post(gateway, Form(token, detail, id));

    private static async Task<Answer> Post(GatewayFixture gateway, Dictionary<string, string> form)
    {
        using var client = new HttpClient();
        using var content = new FormUrlEncodedContent(form);
        return await Answer.Of(await client.PostAsync(new Uri(gateway.Gateway, "/.jit/token"), content));
    }
}
