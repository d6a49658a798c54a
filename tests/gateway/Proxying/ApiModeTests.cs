using System.Net;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>APIs that browsers call, and APIs that only observe.</summary>
public sealed class ApiModeTests
{
    private const string App = "https://app.example.com";

    [Theory]
    [InlineData(App, true)]
    [InlineData("https://evil.example.com", false)]
    [InlineData("https://app.example.com.evil.example", false)]
    [InlineData("HTTPS://APP.EXAMPLE.COM", false)]
    [InlineData("null", false)]
    public async Task A_preflight_needs_no_token_and_reaches_no_upstream(string origin, bool admitted)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await gateway.Send("OPTIONS", "/browser/x", headers:
            [("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization, jit-reason")]);

        Assert.Equal(HttpStatusCode.NoContent, answer.Status);
        Assert.Equal(admitted ? origin : null, answer.Header("Access-Control-Allow-Origin"));
        Assert.Contains("Origin", answer.Header("Vary"), StringComparison.Ordinal);
        Assert.Equal(admitted, answer.Header("Access-Control-Allow-Methods")?.Contains("POST", StringComparison.Ordinal) ?? false);
        Assert.Equal(admitted, answer.Header("Access-Control-Allow-Headers") is { } allowed && allowed.Contains("Jit-Reason", StringComparison.Ordinal) && allowed.Contains("x-csrf", StringComparison.OrdinalIgnoreCase));
        Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
        Assert.Empty(upstream.Seen);

        // Where the API admits no browsers, a preflight is a call like any other.
        Assert.Equal(HttpStatusCode.Unauthorized, (await gateway.Send("OPTIONS", "/open/x", headers: [("Origin", origin), ("Access-Control-Request-Method", "POST")])).Status);
    }

    [Theory]
    [InlineData("alice", "/browser/x", HttpStatusCode.OK)]
    [InlineData(null, "/browser/x", HttpStatusCode.Unauthorized)]
    [InlineData("dave", "/browser/x", HttpStatusCode.Forbidden)]
    [InlineData("alice", "/browser", HttpStatusCode.Forbidden)]
    public async Task Answers_and_refusals_can_be_read_by_the_admitted_origin(string? who, string path, HttpStatusCode expected)
    {
        await using var upstream = await OrdersUpstream.Start(context =>
        {
            context.Response.Headers.AccessControlAllowOrigin = "*";
            context.Response.Headers.AccessControlAllowCredentials = "true";
            return Task.CompletedTask;
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var token = who is null ? null : await gateway.Token(who);

        var admitted = await gateway.Send("GET", path, token, headers: [("Origin", App)]);
        var other = await gateway.Send("GET", path, token, headers: [("Origin", "https://evil.example.com")]);

        Assert.Equal((expected, expected), (admitted.Status, other.Status));
        Assert.Equal(App, admitted.Header("Access-Control-Allow-Origin"));
        Assert.Contains("Jit-Request", admitted.Header("Access-Control-Expose-Headers"), StringComparison.Ordinal);
        Assert.Contains("x-total", admitted.Header("Access-Control-Expose-Headers"), StringComparison.OrdinalIgnoreCase);
        Assert.Null(other.Header("Access-Control-Allow-Origin"));
        foreach (var answer in new[] { admitted, other })
        {
            Assert.Null(answer.Header("Access-Control-Allow-Credentials"));
            Assert.Contains("Origin", answer.Header("Vary"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("alice", "/observed/x", "deny")]
    [InlineData("alice", "/observed", "deny")]
    public async Task What_enforce_would_refuse_is_forwarded_and_recorded_where_an_API_observes(string who, string path, string would)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await gateway.Send("POST", path, await gateway.Token(who), new { text = "hello" });

        Assert.Equal((HttpStatusCode.OK, """{"text":"hello"}"""), (answer.Status, answer.Json["body"]!.GetValue<string>()));
        Assert.Equal(path, upstream.Seen.Single().Target);
        var dave = await gateway.Token("dave");
        var entry = await Eventually.Get(async () => (await gateway.Approver("GET", "audit?type=call.observed", dave)).Json["items"]!.AsArray() is [{ } only] ? only : null);
        Assert.Contains($"\"{would}\"", entry.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET /observed/%2e%2e/open", "X: 1", 400)]
    [InlineData("GET /observed//x", "X: 1", 400)]
    [InlineData("GET /observed/x", "X-HTTP-Method-Override: DELETE", 400)]
    [InlineData("TRACE /observed/x", "X: 1", 405)]
    public async Task Canonical_form_is_enforced_also_where_an_API_observes(string line, string header, int status)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await RawCaller.Exchange(gateway.Gateway, line, [$"Authorization: Bearer {await gateway.Token("alice")}", header]);

        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Empty(upstream.Seen);
    }
}
