using System.Net;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>What reaches the upstream of a request: its target byte for byte, its headers but for those that end here.</summary>
public sealed class RequestTests
{
    [Theory]
    [InlineData("/open/a")]
    [InlineData("/open/a/")]
    [InlineData("/open/a?")]
    [InlineData("/open/a?&&==&")]
    [InlineData("/open/a%20b%c3%a9%C3%A9%7e~")]
    [InlineData("/open/a%2Fb%2fc")]
    [InlineData("/open/100%25")]
    [InlineData("/open/-._~!$&'()*+,;=:@")]
    [InlineData("/open/a;v=1;w/b")]
    [InlineData("/open/a:b@c")]
    [InlineData("/open/a?q=/../%2e%2e//x?y=http://z/%25")]
    [InlineData("/open/a?q=a+b%20c&q=%2B")]
    [InlineData("/open/%41%5f")]
    public async Task The_target_passes_byte_for_byte(string target)
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, RawUpstream.Ok));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var authorization = $"Authorization: Bearer {await gateway.Token("alice")}";

        foreach (var sent in new[] { target, $"http://{gateway.Gateway.Authority}{target}" })
            Assert.StartsWith("HTTP/1.1 200 ", await RawCaller.Exchange(gateway.Gateway, "GET " + sent, [authorization]), StringComparison.Ordinal);

        Assert.Equal(2, upstream.Heads.Count);
        Assert.All(upstream.Heads, h => Assert.StartsWith($"GET {target} HTTP/1.1\r\n", h, StringComparison.Ordinal));
    }

    /// <summary>Sent line, and what the upstream must have of it: the line itself, another, or nothing.</summary>
    public static TheoryData<string, string, string?> Lines()
    {
        var data = new TheoryData<string, string, string?>();
        foreach (var passes in new[] { "X-Odd: <\"'\\;=,{}>", "X-Tab: a\tb", "Accept: */*", "Cookie: a=1; b=2", "Idempotency-Key: 1", "User-Agent: x/1 (y)", "If-None-Match: W/\"1\"", "X_Under: 1", "Range: bytes=0-1", "Origin: https://x.example.com" })
            data.Add("open", passes, passes);
        foreach (var ends in new[]
        {
            "Jit-Reason: why", "Jit-Ticket: T-1", "Jit-Whatever: 1", "Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic eDp5",
            "Proxy-Whatever: 1", "Proxy: x", "X-Real-IP: 10.0.0.1", "X_Real_Ip: 10.0.0.1", "Forwarded: for=10.0.0.1", "X-Forwarded-Prefix: /x", "X_Forwarded_For: 10.0.0.1",
            "TE: gzip", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", "Prefer: wait=1", "Prefer: respond-async, wait=1",
        })
            data.Add("open", ends, null);
        data.Add("open", "Prefer: return=minimal, wait=1", "Prefer: return=minimal");
        data.Add("open", "Prefer: handling=lenient", "Prefer: handling=lenient");
        data.Add("bound", "X_Real_Ip: 10.0.0.1", null);
        data.Add("bound", "Proxy-Whatever: 1", null);
        return data;
    }

    [Theory]
    [MemberData(nameof(Lines))]
    public async Task A_header_passes_or_ends_here(string api, string line, string? expected)
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, RawUpstream.Ok));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await RawCaller.Exchange(gateway.Gateway, $"GET /{api}/x", [$"Authorization: Bearer {await gateway.Token("alice")}", line]);

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        var lines = upstream.Heads.Single().Split("\r\n");
        var name = line[..(line.IndexOf(':', StringComparison.Ordinal) + 1)];
        Assert.Equal(expected is null ? [] : [expected], lines.Where(l => l.StartsWith(name, StringComparison.OrdinalIgnoreCase)), StringComparer.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Where_a_call_came_from_is_the_gateways_to_say()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        await gateway.Send("GET", "/open/x", await gateway.Token("alice"), headers:
            [("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-Host", "evil.example.com"), ("X-Forwarded-Proto", "https"), ("Forwarded", "for=10.0.0.1")]);

        var headers = upstream.Seen.Single().Headers;
        Assert.Equal(upstream.Address.Authority, headers["Host"]);
        Assert.Equal(("127.0.0.1", gateway.Gateway.Authority, "http"), (headers["X-Forwarded-For"], headers["X-Forwarded-Host"], headers["X-Forwarded-Proto"]));
        Assert.False(headers.ContainsKey("Forwarded"));
    }

    [Theory]
    [InlineData("open", false)]
    [InlineData("window", false)]
    [InlineData("passing", true)]
    public async Task The_callers_token_goes_upstream_only_where_the_API_says_so(string api, bool passes)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var alice = await gateway.Token("alice");
        if (api == "window")
            await ProxyPolicy.OpenWindow(gateway, alice, await gateway.Token("bob"));

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", $"/{api}/x", alice)).Status);

        Assert.Equal(passes ? "Bearer " + alice : "", upstream.Seen.Single().Headers.GetValueOrDefault("Authorization", ""));
    }

    [Fact]
    public async Task Repeated_headers_stay_in_order()
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, RawUpstream.Ok));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        await RawCaller.Exchange(gateway.Gateway, "GET /open/x", [$"Authorization: Bearer {await gateway.Token("alice")}", "X-Many: 1, 2", "X-Other: x", "X-Many: 3"]);

        var values = upstream.Heads.Single().Split("\r\n").Where(l => l.StartsWith("X-Many: ", StringComparison.OrdinalIgnoreCase)).Select(l => l[8..]);
        Assert.Equal("1, 2, 3", string.Join(", ", values));
    }
}
