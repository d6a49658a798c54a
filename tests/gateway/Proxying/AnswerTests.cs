using System.IO.Compression;
using System.Net;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>What an upstream answers reaches the caller as it is, but for what is the gateway's to say.</summary>
public sealed class AnswerTests
{
    /// <summary>What the upstream sends, and lines or bytes that must be in what the caller gets.</summary>
    public static TheoryData<string, string, string[]> Answers() => new()
    {
        { "GET", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-3/10\r\nContent-Length: 2\r\n\r\ncd", ["HTTP/1.1 206 ", "Content-Range: bytes 2-3/10\r\n", "Content-Length: 2\r\n", "\r\n\r\ncd"] },
        { "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"v1\"\r\n\r\n", ["Content-Length: 12345\r\n", "ETag: \"v1\"\r\n"] },
        { "GET", "HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", ["HTTP/1.1 204 ", "X-A: 1\r\n"] },
        { "GET", "HTTP/1.1 304 Not Modified\r\nETag: W/\"v1\"\r\n\r\n", ["HTTP/1.1 304 ", "ETag: W/\"v1\"\r\n"] },
        { "GET", "HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example.com/a b%2f..?#x\r\nContent-Length: 0\r\n\r\n", ["HTTP/1.1 302 ", "Location: http://elsewhere.example.com/a b%2f..?#x\r\n"] },
        { "POST", "HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n", ["HTTP/1.1 307 ", "Location: /other\r\n"] },
        { "GET", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n", ["Set-Cookie: a=1; Path=/\r\n", "Set-Cookie: b=2\r\n"] },
        { "GET", "HTTP/1.1 200 OK\r\nX-Many: 1, 2\r\nX-Many: 3\r\nContent-Length: 0\r\n\r\n", ["X-Many: 1, 2\r\n", "X-Many: 3\r\n"] },
        { "GET", "HTTP/1.1 200 OK\r\nX-Odd: caf\u00e9 \u00c3\u00a9 <\"'\\;=,{}>\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n", ["X-Odd: caf\u00e9 \u00c3\u00a9 <\"'\\;=,{}>\r\n", "X-Empty:"] },
        { "GET", "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n", ["Cache-Control: public, max-age=60\r\n", "Vary: Accept\r\n"] },
        { "GET", "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n", ["HTTP/1.1 401 ", "WWW-Authenticate: Basic realm=\"x\"\r\n"] },
        { "GET", "HTTP/1.1 599 Whatever\r\nContent-Type: text/x-\u00e9\r\nContent-Length: 1\r\n\r\n!", ["HTTP/1.1 599 ", "Content-Type: text/x-\u00e9\r\n", "\r\n\r\n!"] },
        { "GET", "HTTP/1.0 200 OK\r\n\r\nuntil the end", ["HTTP/1.1 200 ", "until the end"] },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task An_answer_passes_as_it_is(string method, string answer, string[] expected)
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, answer, keep: false));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var got = await RawCaller.Exchange(gateway.Gateway, $"{method} /open/x", [$"Authorization: Bearer {await gateway.Token("alice")}", "Content-Length: 0"]);

        foreach (var part in expected)
            Assert.Contains(part, got, StringComparison.Ordinal);
        Assert.Single(upstream.Heads);
        if (method == "HEAD" || answer.Contains(" 204 ", StringComparison.Ordinal) || answer.Contains(" 304 ", StringComparison.Ordinal))
            Assert.EndsWith("\r\n\r\n", got, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Jit-Decision: allow")]
    [InlineData("jit-request: rq_00000000000000000000000000")]
    [InlineData("JIT_Request: 1")]
    [InlineData("Connection: keep-alive")]
    [InlineData("Keep-Alive: timeout=5")]
    [InlineData("Upgrade: h2c")]
    [InlineData("Proxy-Authenticate: Basic")]
    public async Task What_is_not_an_upstreams_to_say_does_not_pass(string line)
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, $"HTTP/1.1 200 OK\r\n{line}\r\nX-Kept: 1\r\nContent-Length: 2\r\n\r\nok"));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var got = await RawCaller.Exchange(gateway.Gateway, "GET /open/x", [$"Authorization: Bearer {await gateway.Token("alice")}"]);

        Assert.Contains("X-Kept: 1\r\n", got, StringComparison.Ordinal);
        Assert.DoesNotContain(line, got, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("br")]
    [InlineData("made-up")]
    public async Task Encoded_bodies_are_not_touched(string encoding)
    {
        var plain = new byte[100_000];
        Random.Shared.NextBytes(plain.AsSpan(0, 5000));
        var packed = new MemoryStream();
        await using (Stream packer = encoding == "br" ? new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true) : new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            await packer.WriteAsync(plain);
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            context.Response.Headers.ContentEncoding = encoding;
            context.Response.ContentLength = packed.Length;
            await context.Response.Body.WriteAsync(packed.ToArray());
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var client = new HttpClient();
        using var request = GatewayFixture.Request("GET", new Uri(gateway.Gateway, "/open/x"), await gateway.Token("alice"), null, ("Accept-Encoding", "gzip;q=0.5, br"));

        using var response = await client.SendAsync(request);

        Assert.Equal(packed.ToArray(), await response.Content.ReadAsByteArrayAsync());
        Assert.Equal((encoding, packed.Length), (response.Content.Headers.ContentEncoding.Single(), response.Content.Headers.ContentLength));
        Assert.Equal("gzip;q=0.5, br", upstream.Seen.Single().Headers["Accept-Encoding"]);
    }

    [Fact]
    public async Task Cookies_are_the_callers_own()
    {
        await using var upstream = await OrdersUpstream.Start(context =>
        {
            context.Response.Headers.SetCookie = "session=1; Path=/";
            return Task.CompletedTask;
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var alice = await gateway.Token("alice");

        foreach (var line in new[] { "X: 1", "Cookie: a=1; b=2", "X: 2" })
            Assert.Contains("Set-Cookie: session=1; Path=/\r\n", await RawCaller.Exchange(gateway.Gateway, "GET /open/x", [$"Authorization: Bearer {alice}", line]), StringComparison.Ordinal);

        Assert.Equal(["", "a=1; b=2", ""], upstream.Seen.Select(s => s.Headers.GetValueOrDefault("Cookie", "")));
    }

    [Theory]
    [InlineData("open", "public, max-age=60")]
    [InlineData("window", "private, no-store")]
    [InlineData("counted", "private, no-store")]
    [InlineData("bound", "private, no-store")]
    public async Task No_cache_keeps_an_answer_that_needed_approval(string api, string expected)
    {
        await using var upstream = await OrdersUpstream.Start(context =>
        {
            context.Response.Headers.CacheControl = "public, max-age=60";
            return Task.CompletedTask;
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var alice = await gateway.Token("alice");
        if (api == "window")
            await ProxyPolicy.OpenWindow(gateway, alice, await gateway.Token("bob"));

        var answer = await gateway.Send("GET", $"/{api}/x", alice);

        Assert.Equal((HttpStatusCode.OK, expected), (answer.Status, answer.Header("Cache-Control")));
    }

    [Theory]
    [InlineData(30_000, 30_000, HttpStatusCode.OK)]
    [InlineData(60_000, 100, HttpStatusCode.OK)]
    [InlineData(66_000, 100, HttpStatusCode.RequestHeaderFieldsTooLarge)]
    [InlineData(100, 70_000, HttpStatusCode.BadGateway)]
    public async Task Large_headers_pass_up_to_the_limits(int up, int down, HttpStatusCode expected)
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, $"HTTP/1.1 200 OK\r\nX-Large: {new string('d', down)}\r\nContent-Length: 0\r\n\r\n"));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var got = await RawCaller.Exchange(gateway.Gateway, "GET /open/x", [$"Authorization: Bearer {await gateway.Token("alice")}", "X-Large: " + new string('u', up)]);

        Assert.StartsWith($"HTTP/1.1 {(int)expected} ", got, StringComparison.Ordinal);
        if (expected != HttpStatusCode.OK)
            return;
        Assert.Contains("X-Large: " + new string('d', down) + "\r\n", got, StringComparison.Ordinal);
        Assert.Contains("X-Large: " + new string('u', up) + "\r\n", upstream.Heads.Single(), StringComparison.OrdinalIgnoreCase);
    }
}
