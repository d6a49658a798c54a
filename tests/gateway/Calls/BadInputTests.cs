using System.Net;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Calls;

/// <summary>Malformed and hostile input gets a 4xx problem that names the field, and nothing of it goes upstream.</summary>
public sealed class BadInputTests : IAsyncLifetime
{
    private OrdersUpstream upstream = null!;
    private GatewayFixture gateway = null!;
    private string alice = "";

    public async Task InitializeAsync()
    {
        upstream = await OrdersUpstream.Start();
        gateway = await GatewayFixture.Start(upstream.Address);
        alice = await gateway.Token("alice");
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
    }

    public static TheoryData<string, string, int> Requests() => new()
    {
        { "GET /orders/42%2Frefunds HTTP/1.1\nHost: $", "encoded slash", 400 },
        { "GET /orders/%2e%2e/42 HTTP/1.1\nHost: $", "encoded dot segment", 400 },
        { "GET /orders/..;/42 HTTP/1.1\nHost: $", "dot segment with a parameter", 400 },
        { "GET /orders//42 HTTP/1.1\nHost: $", "empty segment", 400 },
        { "GET /orders\\42 HTTP/1.1\nHost: $", "backslash", 400 },
        { "GET /orders/%5c42 HTTP/1.1\nHost: $", "encoded backslash", 400 },
        { "GET /orders/4%002 HTTP/1.1\nHost: $", "NUL", 400 },
        { "GET /orders/%c0%af HTTP/1.1\nHost: $", "overlong UTF-8", 400 },
        { "GET /orders/%25%32%65 HTTP/1.1\nHost: $", "double encoding", 400 },
        { "GET /orders/%zz HTTP/1.1\nHost: $", "broken escape", 400 },
        { "GET /orders/42 HTTP/1.1", "no host", 400 },
        { "GET /orders/42 HTTP/1.1\nHost: a\nHost: b", "two hosts", 400 },
        { "GET /orders/42 HTTP/1.1\nHost: $\nX-HTTP-Method-Override: DELETE", "method override", 400 },
        { "GET /orders/42?_method=DELETE HTTP/1.1\nHost: $", "method override in the query", 400 },
        { "GET /orders/42 HTTP/1.1\nHost: $\nX-Original-URL: /admin", "URL override", 400 },
        { "GET /orders/42 HTTP/1.1\nHost: $\nX-Rewrite-URL: /admin", "URL rewrite", 400 },
        { "GET /orders/42 HTTP/1.1\nHost: $\nConnection: X-Kept", "Connection names a header (Kestrel drops what stands beside close or keep-alive)", 400 },
        { "POST /orders/42/refunds HTTP/1.1\nHost: $\nContent-Length: 5\nTransfer-Encoding: chunked", "conflicting lengths", 400 },
        { "POST /orders/42/refunds HTTP/1.1\nHost: $\nContent-Length: 5\nContent-Length: 6", "two lengths", 400 },
        { "POST /orders/42/refunds HTTP/1.1\nHost: $\nTransfer-Encoding: gzip, chunked", "unknown coding", 400 },
        { "TRACE /orders/42 HTTP/1.1\nHost: $", "TRACE", 405 },
        { "CONNECT example.com:443 HTTP/1.1\nHost: example.com:443", "CONNECT", 405 },
        { "get /orders/42 HTTP/1.1\nHost: $", "method in lower case", 400 },
        { "GET /orders/42 HTTP/1.1\nHost: $\nUpgrade: h2c\nConnection: upgrade", "another upgrade", 400 },
        { "GET /orders/42 HTTP/1.1\nHost: $\nJit_Reason: x", "our header with an underscore", 400 },
        { "GET /ORDERS/42 HTTP/1.1\nHost: $", "a sloppier server would take it for a read", 400 },
        { "POST /orders/42/refunds; HTTP/1.1\nHost: $\nContent-Length: 0", "path parameter", 400 },
        { "POST /orders/42/refunds/ HTTP/1.1\nHost: $\nContent-Length: 0", "trailing slash", 400 },
        { "GET /.jit/../orders/42 HTTP/1.1\nHost: $", "dot segment over our own endpoints", 400 },
        { "GET /%2Ejit/whoami HTTP/1.1\nHost: $", "our own endpoints, encoded", 404 },
        { "GET /.JIT/whoami HTTP/1.1\nHost: $", "our own endpoints, in capitals", 404 },
        { "GET /.jit/nothing HTTP/1.1\nHost: $", "no such endpoint", 404 },
        { "PATCH /.jit/grants HTTP/1.1\nHost: $\nContent-Length: 0", "no such method", 405 },
        { "GET /orders/42 HTTP/1.1\nHost: $\nAuthorization: Basic YTpi", "two authorizations", 400 },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public async Task A_request_that_can_be_read_in_two_ways_is_refused(string head, string what, int status)
    {
        var request = head.Replace("$", gateway.Gateway.Authority, StringComparison.Ordinal).Replace("\n", "\r\n", StringComparison.Ordinal);
        var answer = await RawClient.Send(gateway.Gateway, $"{request}\r\nAuthorization: Bearer {alice}\r\nConnection: close\r\n\r\n".Replace("Connection: close\r\n\r\n", request.Contains("Connection:", StringComparison.Ordinal) ? "\r\n" : "Connection: close\r\n\r\n", StringComparison.Ordinal));

        Assert.True(answer.StartsWith($"HTTP/1.1 {status}", StringComparison.Ordinal), $"{what}: {answer}");
        Assert.Empty(upstream.Seen);
        // What Kestrel refuses by itself has no body; everything else says what is wrong.
        if (answer.Contains("application/problem+json", StringComparison.Ordinal))
            Assert.Contains("\"type\":\"https://jitgrains.dev/problems/", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", answer, StringComparison.Ordinal);
    }

    public static TheoryData<string, string, string> Headers() => new()
    {
        { "Jit-Reason", "two\u202Ewords", "Jit-Reason" },
        { "Jit-Reason", new string('x', 501), "Jit-Reason" },
        { "Jit-Ticket", "zero\u200Bwidth", "Jit-Ticket" },
        { "Jit-Ticket", new string('x', 101), "Jit-Ticket" },
        { "Jit-Request", "rq_", "Jit-Request" },
        { "Jit-Request", "rq_ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "Jit-Request" },
    };

    [Theory]
    [MemberData(nameof(Headers))]
    public async Task What_a_caller_says_is_checked_before_anybody_reads_it(string name, string value, string field)
    {
        using var client = new HttpClient(new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8 });
        using var call = GatewayFixture.Request("POST", new Uri(gateway.Gateway, "/orders/42/refunds"), alice, new { amount = 25 }, ("Prefer", "wait=0"), (name, value));
        var answer = await Answer.Of(await client.SendAsync(call));
        Assert.Equal((HttpStatusCode.BadRequest, "bad-request"), (answer.Status, answer.Problem));
        Assert.Equal(field, answer.Json["field"]!.GetValue<string>());
    }

    [Fact]
    public async Task A_reason_may_be_in_any_language()
    {
        using var client = new HttpClient(new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => System.Text.Encoding.UTF8 });
        using var call = GatewayFixture.Request("POST", new Uri(gateway.Gateway, "/orders/42/refunds"), alice, new { amount = 25 }, ("Prefer", "wait=0"), ("Jit-Reason", "Kundin wünscht Rückzahlung, 返金"));
        var answer = await Answer.Of(await client.SendAsync(call));
        Assert.Equal("approval-required", answer.Problem);
        var shown = await gateway.Approver("GET", $"requests/{answer.Header("Jit-Request")}", await gateway.Token("bob"));
        Assert.Equal("Kundin wünscht Rückzahlung, 返金", shown.Json["request"]!["reason"]!.GetValue<string>());
    }

    public static TheoryData<string, string> Asks() => new()
    {
        { "", "body" },
        { "[]", "body" },
        { "{", "body" },
        { "{\"action\":\"orders.delete\",\"action\":\"x\"}", "body" },
        { "{}", "action" },
        { "{\"action\":1}", "action" },
        { "{\"action\":\"orders.nothing\"}", "action" },
        { "{\"action\":\"orders.refund\"}", "action" },
        { "{\"action\":\"orders.read\",\"resource\":{\"order\":\"1\"}}", "resource" },
        { "{\"action\":\"orders.delete\",\"reason\":\"x\",\"unknown\":1}", "unknown" },
        { "{\"action\":\"orders.delete\",\"reason\":\"x\",\"duration_seconds\":0}", "duration_seconds" },
        { "{\"action\":\"orders.delete\",\"reason\":\"x\",\"duration_seconds\":1801}", "duration_seconds" },
        { "{\"action\":\"orders.delete\",\"reason\":\"x\",\"duration_seconds\":1.5}", "duration_seconds" },
        { "{\"action\":\"orders.delete\",\"reason\":\"x\",\"duration_seconds\":\"600\"}", "duration_seconds" },
        { "{\"action\":\"orders.delete\",\"reason\":\"x\",\"duration_seconds\":99999999999999999999}", "duration_seconds" },
        { "{\"action\":\"orders.close\",\"resource\":{\"order\":\"1\"},\"uses\":4}", "uses" },
        { "{\"action\":\"orders.close\",\"resource\":{\"order\":\"1\"},\"uses\":0}", "uses" },
        { "{\"action\":\"orders.close\"}", "resource" },
        { "{\"action\":\"orders.close\",\"resource\":{\"order\":\"..\"}}", "resource" },
        { "{\"action\":\"orders.close\",\"resource\":{\"order\":\"1\",\"item\":\"2\"}}", "resource" },
        { "{\"action\":\"orders.close\",\"resource\":\"order\"}", "resource" },
        { "{\"action\":\"orders.delete\",\"reason\":\"a\\u202Eb\"}", "reason" },
        { "{\"action\":\"orders.delete\",\"reason\":\"a\\nb\"}", "reason" },
        { "{\"action\":\"orders.delete\",\"reason\":\"x\",\"ticket\":\"a\\u0000b\"}", "ticket" },
    };

    [Theory]
    [MemberData(nameof(Asks))]
    public async Task A_malformed_ask_names_the_field(string body, string field)
    {
        var answer = await gateway.Send("POST", "/.jit/requests", alice, body);
        if (field == "resource" && body.Contains("orders.read", StringComparison.Ordinal))
            field = "action";
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal(field, answer.Json["field"]!.GetValue<string>());
    }

    [Fact]
    public async Task An_ask_needs_a_reason_where_the_rule_says_so_and_may_name_its_resource_in_two_ways()
    {
        var without = await gateway.Send("POST", "/.jit/requests", alice, new { action = "orders.delete" });
        Assert.Equal((HttpStatusCode.Forbidden, "reason-required"), (without.Status, without.Problem));
        var called = await gateway.Send("DELETE", "/orders/42", alice, headers: ("Prefer", "wait=0"));
        Assert.Equal((HttpStatusCode.Forbidden, "reason-required"), (called.Status, called.Problem));

        var first = await gateway.Send("POST", "/.jit/requests", alice, new { action = "orders.close", resource = new { order = "7" }, uses = 2 });
        Assert.Equal(HttpStatusCode.Created, first.Status);
        Assert.Equal($"/.jit/requests/{first.Json["id"]}", first.Header("Location"));
        Assert.Equal("order=7", first.Json["resource"]!.GetValue<string>());
        var second = await gateway.Send("POST", "/.jit/requests", alice, new { action = "orders.close", resource = "order=7", uses = 2 });
        Assert.Equal(first.Json["id"]!.GetValue<string>(), second.Json["id"]!.GetValue<string>());
    }

    [Theory]
    [InlineData(null, "token-missing")]
    [InlineData("nonsense", "token-malformed")]
    [InlineData("a.b.c", "token-malformed")]
    public async Task Without_a_good_token_nothing_is_answered(string? token, string code)
    {
        foreach (var path in new[] { "/orders/42", "/.jit/whoami", "/.jit/grants", "/.jit/requests/rq_00000000000000000000000000", "/elsewhere" })
        {
            var answer = await gateway.Send("GET", path, token);
            Assert.Equal((HttpStatusCode.Unauthorized, "unauthenticated"), (answer.Status, answer.Problem));
            Assert.Equal(code, answer.Json["code"]!.GetValue<string>());
            Assert.StartsWith("Bearer", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_body_beyond_the_limit_cannot_be_held()
    {
        var large = new JsonObject { ["amount"] = 25, ["note"] = new string('x', 70_000) }.ToJsonString();
        var answer = await gateway.Send("POST", "/orders/42/refunds", alice, large);
        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "payload-too-large"), (answer.Status, answer.Problem));
        Assert.Equal(65536, answer.Json["limit"]!.GetValue<long>());

        using var client = new HttpClient();
        using var chunked = GatewayFixture.Request("POST", new Uri(gateway.Gateway, "/orders/42/refunds"), alice, null);
        chunked.Content = new StreamContent(new EndlessZeros(1 << 20));
        chunked.Headers.TransferEncodingChunked = true;
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await client.SendAsync(chunked)).StatusCode);
        Assert.Empty(upstream.Seen);
    }

    [Fact]
    public async Task What_pins_one_exact_request_takes_no_trailers_and_no_upgrade()
    {
        var head = $"POST /orders/42/refunds HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\nAuthorization: Bearer {alice}\r\nPrefer: wait=0\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n";
        foreach (var (announce, trailer) in new[] { ("Trailer: X-Sum\r\n", "X-Sum: 1\r\n"), ("", "X-Sum: 1\r\n") })
        {
            var answer = await RawClient.Send(gateway.Gateway, $"{head}{announce}\r\n2\r\n{{}}\r\n0\r\n{trailer}\r\n");
            Assert.StartsWith("HTTP/1.1 400", answer, StringComparison.Ordinal);
            Assert.Contains("\"field\":\"trailer\"", answer, StringComparison.Ordinal);
        }

        var fine = await RawClient.Send(gateway.Gateway, $"{head}\r\n2\r\n{{}}\r\n0\r\n\r\n");
        Assert.Contains("approval-required", fine, StringComparison.Ordinal);
    }
}
