using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Hostile;
using JitGrains.GatewayTests.Support;
using JitGrains.GatewayTests.Tls;
using JitGrains.Silo.Identity;
using JitGrains.TestSupport;
using JitGrains.UnitTests.Silo;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Exchange;

/// <summary>An exchanged token is never more than the one that it was had for.</summary>
public sealed class ExchangeBoundsTests
{
    private const string Policy = """
        version: 1
        realm: dev
        groups: {managers: {}}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            actions:
              orders.read: {methods: [GET], path: "/orders/{id}", access: read}
              orders.close: {methods: [PUT], path: "/orders/{id}/closed", access: write, binding: resource}
              orders.refund: {methods: [POST], path: "/orders/{id}/refunds", access: write}
              orders.delete: {methods: [DELETE], path: "/orders/{id}", access: write}
        rules:
          - {name: reads, who: {anyone: true}, actions: {names: [orders.read]}, effect: allow}
          - {name: closes, who: {anyone: true}, actions: {names: [orders.close, orders.refund]}, effect: approve, approve: {stages: [{groups: [managers]}]}}
          - {name: deletes, who: {anyone: true}, actions: {names: [orders.delete]}, effect: allow, sign_in: {max_age: 5m, amr: [mfa]}}
        """;

    private static readonly string[] Mfa = ["mfa"];

    [Fact]
    public async Task What_an_API_key_is_for_stays_so_and_its_end_is_the_tokens()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var (bob, carol) = (await gateway.Token("bob"), await gateway.Token("carol"));
        var key = (await gateway.Approver("POST", "keys", bob, new { name = "narrow", owner = "dev:user:bob", expires_in = 3600, apis = new[] { "orders" }, actions = new[] { "orders.read", "orders.close" } }))
            .Json["secret"]!.GetValue<string>();
        var read = Text(await Exchange(gateway, key, "orders.read"), "access_token");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", read)).Status);
        var outside = await Exchange(gateway, key, "orders.delete");
        Assert.Equal(("access_denied", "key-scope"), (Text(outside, "error"), Text(outside, "code")));
        Assert.Equal("key-scope", (await gateway.Send("DELETE", "/orders/42", read)).Problem);

        // The key's owner is behind what it asks for here too.
        var id = Text(await Exchange(gateway, key, "orders.close"), "auth_req_id");
        Assert.Equal("not-eligible", (await gateway.Vote(bob, id)).Problem);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Vote(carol, id)).Status);
        var close = Text(await Eventually.Get(async () => await Exchange(gateway, key, "orders.close", id) is { Status: HttpStatusCode.OK } given ? given : null), "access_token");

        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("DELETE", "keys/narrow", bob)).Status);
        var calls = upstream.Seen.Count;
        Assert.Equal("blocked", (await gateway.Send("GET", "/orders/42", read)).Problem);
        Assert.Equal("blocked", (await gateway.Send("PUT", "/orders/42/closed", close)).Problem);
        Assert.Equal(calls, upstream.Seen.Count);
        Assert.NotEqual(HttpStatusCode.OK, (await Exchange(gateway, key, "orders.read")).Status);
    }

    [Fact]
    public async Task Who_is_blocked_has_none_and_those_there_are_do_nothing()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var token = Text(await Exchange(gateway, alice, "orders.read"), "access_token");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("PUT", "blocks/dev:user:alice", bob, new { reason = "lost laptop" })).Status);
        Assert.Equal("blocked", (await gateway.Send("GET", "/orders/42", token)).Problem);
        var none = await Exchange(gateway, alice, "orders.read");
        Assert.Equal(("access_denied", "blocked"), (Text(none, "error"), Text(none, "code")));
        Assert.Empty(upstream.Seen);
    }

    [Fact]
    public async Task Where_an_approval_is_for_one_exact_call_no_token_is_to_be_had()
    {
        await using var gateway = await GatewayFixture.Start(policy: Policy, args: ["--store", "memory"]);
        var answer = await Exchange(gateway, await gateway.Token("alice"), "orders.refund");
        Assert.Equal(
            (HttpStatusCode.BadRequest, "invalid_authorization_details", "binding-needs-request"), (answer.Status, Text(answer, "error"), Text(answer, "code")));
        Assert.Empty((await gateway.Approver("GET", "requests", await gateway.Token("bob"))).Json["items"]!.AsArray());
    }

    [Fact]
    public async Task A_policy_that_changes_counts_for_tokens_that_there_are()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var token = Text(await Exchange(gateway, await gateway.Token("alice"), "orders.read"), "access_token");
        async Task<string?> Now(string effect)
        {
            await gateway.Reload(Policy.Replace("$UPSTREAM", upstream.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal)
                .Replace("actions: {names: [orders.read]}, effect: allow", "actions: {names: [orders.read]}, effect: " + effect, StringComparison.Ordinal));
            return (await gateway.Send("GET", "/orders/42", token, headers: ("Prefer", "wait=0"))).Problem;
        }

        Assert.Equal("denied", await Now("approve, approve: {stages: [{groups: [managers]}]}"));
        Assert.Equal("denied", await Now("deny"));
        Assert.Empty(upstream.Seen);
        Assert.Empty((await gateway.Approver("GET", "requests", await gateway.Token("bob"))).Json["items"]!.AsArray());
    }

    [Fact]
    public async Task An_API_that_only_observes_lets_it_do_nothing_else_either()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(
            upstream.Address, Policy.Replace("prefix: /orders", "mode: observe\n    prefix: /orders", StringComparison.Ordinal), args: ["--store", "memory"]);
        var alice = await gateway.Token("alice");
        var token = Text(await Exchange(gateway, alice, "orders.read"), "access_token");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", token)).Status);
        foreach (var (method, path) in new[] { ("GET", "/orders/43"), ("PUT", "/orders/42/closed"), ("DELETE", "/orders/42"), ("PATCH", "/orders/42"), ("GET", "/orders") })
            Assert.Equal("token-for-something-else", (await gateway.Send(method, path, token)).Problem);
        Assert.Single(upstream.Seen);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("PUT", "/orders/42/closed", alice)).Status);
        Assert.Equal("access_denied", Text(await Exchange(gateway, alice, "orders.close"), "error"));
    }

    [Fact]
    public async Task How_its_person_signed_in_is_known_and_gets_no_fresher()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using var issuer = await TestIssuer.StartAsync();
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, time, settings: Trusts(issuer), args: ["--store", "memory"]);
        var claims = issuer.Claims(time.GetUtcNow());
        var nothing = await Exchange(gateway, issuer.Sign(claims), "orders.delete");
        Assert.Equal((HttpStatusCode.Unauthorized, "sign-in-needed"), (nothing.Status, nothing.Problem));
        claims["auth_time"] = time.GetUtcNow().ToUnixTimeSeconds();
        claims["amr"] = JsonSerializer.SerializeToNode(Mfa);
        var token = Text(await Exchange(gateway, issuer.Sign(claims), "orders.delete"), "access_token");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/42", token)).Status);
        time.Advance(TimeSpan.FromMinutes(6));
        var stale = await gateway.Send("DELETE", "/orders/42", token);
        Assert.Equal((HttpStatusCode.Unauthorized, "sign-in-needed"), (stale.Status, stale.Problem));
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task It_ends_no_later_than_the_token_that_it_was_had_for()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        await using var issuer = await TestIssuer.StartAsync();
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, time, settings: Trusts(issuer), args: ["--store", "memory"]);
        var claims = issuer.Claims(time.GetUtcNow());
        claims["exp"] = time.GetUtcNow().AddMinutes(2).ToUnixTimeSeconds();
        var own = issuer.Sign(claims);
        var given = await Exchange(gateway, own, "orders.read");
        Assert.InRange(given.Json["expires_in"]!.GetValue<int>(), 1, 240);
        var token = Text(given, "access_token");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", token)).Status);
        time.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/orders/42", own)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("GET", "/orders/42", token)).Status);
        Assert.Equal("invalid_request", Text(await Exchange(gateway, own, "orders.read"), "error"));
    }

    [Fact]
    public async Task A_revoked_certificate_spoils_its_connection_for_exchanged_tokens_too()
    {
        await using var host = await TlsHost.Start(h =>
        {
            File.WriteAllText(h.PathOf("crl.pem"), h.Authority.List(DateTimeOffset.UnixEpoch, TestAuthority.Start.AddYears(30)));
            return
            [
                ("Tls:ClientCertificates", "request"), ("CertificateIssuers:0:Realm", "mesh"), ("CertificateIssuers:0:Ca", h.Ca), ("CertificateIssuers:0:Crls:0", h.PathOf("crl.pem")),
                ("CertificateIssuers:0:Names:0:San", "dns"), ("CertificateIssuers:0:Names:0:Pattern", "(?<name>[a-z]+)[.]example[.]com"),
            ];
        });
        using var mine = host.Authority.Client(["dns:billing.example.com"]);
        TestAuthority.Write(mine, host.PathOf("mine.pem"), host.PathOf("mine.key"));
        string[] certificate = ["--cacert", host.Ca, "--cert", host.PathOf("mine.pem"), "--key", host.PathOf("mine.key")];
        string[] form = [.. Form(await host.Gateway.Token("alice"), "open.any", "path").SelectMany(p => new[] { "--data-urlencode", $"{p.Key}={p.Value}" })];
        var (_, given) = await TlsHost.Run("curl", ["-sS", new Uri(host.Gateway.Gateway, "/.jit/token").ToString(), .. certificate, .. form]);
        var token = JsonNode.Parse(given)!["access_token"]!.GetValue<string>();
        string[] call = ["-sS", "-i", new Uri(host.Gateway.Gateway, "/open/42").ToString(), "-H", $"Authorization: Bearer {token}", .. certificate];
        Assert.Contains("HTTP/2 200", (await TlsHost.Run("curl", call)).Output, StringComparison.Ordinal);

        host.Authority.Revoke(mine, TestAuthority.Start);
        await File.WriteAllTextAsync(host.PathOf("crl.pem"), host.Authority.List(DateTimeOffset.UnixEpoch, TestAuthority.Start.AddYears(30)));
        var callers = host.Gateway.Services.GetRequiredService<CertificateCallers>();
        callers.Look();
        callers.Look();
        Assert.Contains(PossessionCodes.CertificateRevoked, (await TlsHost.Run("curl", call)).Output, StringComparison.Ordinal);
        Assert.Contains(PossessionCodes.CertificateRevoked, (await TlsHost.Run("curl", ["-sS", "-i", new Uri(host.Gateway.Gateway, "/.jit/token").ToString(), .. certificate, .. form])).Output, StringComparison.Ordinal);
    }

    private static Dictionary<string, string> Trusts(TestIssuer issuer) => new(StringComparer.Ordinal)
    {
        ["Issuers:0:Realm"] = "ext",
        ["Issuers:0:Issuer"] = issuer.Issuer,
        ["Issuers:0:Audiences:0"] = "jitgrains",
    };

    private static string Text(Answer answer, string name) => answer.Json[name]?.GetValue<string>() ?? answer.Body;

    private static Dictionary<string, string> Form(string token, string action, string part = "id", string? request = null)
    {
        var form = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange",
            ["subject_token"] = token,
            ["subject_token_type"] = "urn:ietf:params:oauth:token-type:access_token",
            ["authorization_details"] = JsonSerializer.Serialize(new[] { new { type = "jit_action", action, resource = part + "=42" } }),
        };
        if (request is not null)
            form["auth_req_id"] = request;
        return form;
    }

    private static async Task<Answer> Exchange(GatewayFixture gateway, string token, string action, string? request = null)
    {
        using var client = new HttpClient();
        using var content = new FormUrlEncodedContent(Form(token, action, request: request));
        return await Answer.Of(await client.PostAsync(new Uri(gateway.Gateway, "/.jit/token"), content));
    }
}
