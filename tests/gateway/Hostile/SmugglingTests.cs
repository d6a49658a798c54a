using System.Net;
using System.Text.RegularExpressions;
using JitGrains.GatewayTests.Proxying;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>
/// Messages whose end two servers could see in different places. Each is followed, on the same connection, by what is to be
/// smuggled: it must never reach the upstream, nor be answered.
/// </summary>
public sealed partial class SmugglingTests : IAsyncLifetime
{
    private OrdersUpstream upstream = null!;
    private GatewayFixture gateway = null!;
    private string bearer = null!;

    public async Task InitializeAsync()
    {
        upstream = await OrdersUpstream.Start();
        gateway = await AddressPolicy.Start(upstream, ("HeadersWithin", "00:00:02"), ("SlowGrace", "00:00:02"));
        bearer = AddressPolicy.Bearer(await gateway.Token("alice"));
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
    }

    /// <summary>Headers and body of a POST; <c>~</c> stands for what is smuggled.</summary>
    public static TheoryData<string, string> Messages() => new()
    {
        { "both a length and chunks", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n~" },
        { "chunks and a length", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1\r\nx\r\n0\r\n\r\n~" },
        { "a length of 0 and chunks", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n~" },
        { "two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n\r\n~" },
        { "two lengths in one", "Content-Length: 0, 5\r\n\r\n~" },
        { "the same length twice", "Content-Length: 0\r\nContent-Length: 0\r\n\r\n~" },
        { "a negative length", "Content-Length: -1\r\n\r\n~" },
        { "a length in hex", "Content-Length: 0x0\r\n\r\n~" },
        { "a length beyond any", "Content-Length: 99999999999999999999\r\n\r\n~" },
        { "an empty length", "Content-Length:\r\n\r\n~" },
        { "a length in words", "Content-Length: zero\r\n\r\n~" },
        { "white space before the colon", "Content-Length : 0\r\n\r\n~" },
        { "an unknown coding", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n~" },
        { "chunked twice", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n~" },
        { "chunked, then another", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n~" },
        { "another, then chunked", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n~" },
        { "identity", "Transfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n~" },
        { "a coding with a parameter", "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n~" },
        { "a coding in quotes", "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n~" },
        { "a coding behind a control character", "Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n~" },
        { "white space before the coding's colon", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n~" },
        { "two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n~" },
        { "a name with an underscore", "Content_Length: 5\r\nContent-Length: 0\r\n\r\n~" },
        { "a coding with an underscore", "Transfer_Encoding: chunked\r\nContent-Length: 0\r\n\r\n~" },
        { "a folded line", "Content-Length: 0\r\nX-A: b\r\n c\r\n\r\n~" },
        { "a folded length", "Content-Length:\r\n 0\r\n\r\n~" },
        { "a folded first header", " X-A: b\r\nContent-Length: 0\r\n\r\n~" },
        { "a bare line feed", "Content-Length: 0\nX-A: b\r\n\r\n~" },
        { "an end of bare line feeds", "Content-Length: 0\n\n~" },
        { "a bare carriage return", "Content-Length: 0\rX-A: b\r\n\r\n~" },
        { "a NUL in a value", "Content-Length: 0\r\nX-A: b\0c\r\n\r\n~" },
        { "a name with a space", "Content-Length: 0\r\nX A: b\r\n\r\n~" },
        { "a line without a colon", "Content-Length: 0\r\nX-A\r\n\r\n~" },
        { "no name", "Content-Length: 0\r\n: b\r\n\r\n~" },
        { "a chunk of hex with a prefix", "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n~" },
        { "a negative chunk", "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n~" },
        { "a chunk beyond any", "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n\r\n~" },
        { "a chunk without a size", "Transfer-Encoding: chunked\r\n\r\n\r\n\r\n~" },
        { "a chunk that ends in a line feed", "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n~" },
        { "a chunk that is longer than it says", "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n~" },
        { "a line feed in a chunk's extension", "Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n~" },
        { "a line feed in the last chunk's extension", "Transfer-Encoding: chunked\r\n\r\n0;a\n\r\n\r\n~" },
        { "a carriage return in a chunk's extension", "Transfer-Encoding: chunked\r\n\r\n1;a\rb\r\nx\r\n0\r\n\r\n~" },
        { "a trailer with a bare line feed", "Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\nX-C: d\r\n\r\n~" },
        { "a folded trailer", "Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n c\r\n\r\n~" },
        { "HTTP/1.0 with chunks", "HTTP/1.0|Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n~" },
    };

    [Theory]
    [MemberData(nameof(Messages))]
    public async Task What_stands_behind_a_message_without_one_end_is_no_request(string what, string message)
    {
        var version = message.StartsWith("HTTP/1.0|", StringComparison.Ordinal) ? "HTTP/1.0" : "HTTP/1.1";
        var smuggled = $"GET /open/smuggled HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\n{bearer}\r\nConnection: close\r\n\r\n";
        using var caller = await RawCaller.Connect(gateway.Gateway);
        await caller.Send($"POST /open/first {version}\r\nHost: {gateway.Gateway.Authority}\r\n{bearer}\r\n{message.Replace("HTTP/1.0|", "", StringComparison.Ordinal).Replace("~", smuggled, StringComparison.Ordinal)}");
        var answer = await Read(caller);

        Assert.DoesNotContain(upstream.Seen, s => s.Target.Contains("smuggled", StringComparison.Ordinal));
        Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 4", StringComparison.Ordinal) || answer.StartsWith("HTTP/1.1 50", StringComparison.Ordinal), $"{what}: {answer}");
        Assert.True(Status().Count(answer) <= 1, $"{what} was answered twice: {answer}");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/.jit/livez")).Status);
    }

    /// <summary>Request lines that are not one.</summary>
    [Theory]
    [InlineData("GET /open/x HTTP/1.2")]
    [InlineData("GET /open/x HTTP/2.0")]
    [InlineData("GET /open/x HTTP/1.1 ")]
    [InlineData("GET /open/x")]
    [InlineData("GET  /open/x HTTP/1.1")]
    [InlineData("GET /open/x\tHTTP/1.1")]
    [InlineData("GET /open/x y HTTP/1.1")]
    [InlineData("GET\0 /open/x HTTP/1.1")]
    [InlineData("G\u00cbT /open/x HTTP/1.1")]
    [InlineData(" GET /open/x HTTP/1.1")]
    [InlineData("PRI * HTTP/2.0")]
    [InlineData("\u0016\u0003\u0001\u0002\0\u0001\0\u0001\u00fc\u0003\u0003")]
    public async Task A_line_that_is_no_request_line_is_refused(string line)
    {
        using var caller = await RawCaller.Connect(gateway.Gateway);
        await caller.Send($"{line}\r\nHost: {gateway.Gateway.Authority}\r\n{bearer}\r\nConnection: close\r\n\r\n");
        var answer = await Read(caller);
        Assert.DoesNotContain("HTTP/1.1 2", answer, StringComparison.Ordinal);
        Assert.Empty(upstream.Seen);
    }

    [Fact]
    public async Task Two_requests_in_one_packet_are_two_calls()
    {
        using var caller = await RawCaller.Connect(gateway.Gateway);
        var host = $"Host: {gateway.Gateway.Authority}\r\n{bearer}\r\n";
        await caller.Send($"POST /open/1 HTTP/1.1\r\n{host}Transfer-Encoding: chunked\r\n\r\n1;ext=\"a;b\"\r\nx\r\n0\r\n\r\nGET /open/2 HTTP/1.1\r\n{host}Connection: close\r\n\r\n");
        Assert.Equal(2, (await Read(caller)).Split("HTTP/1.1 200 ").Length - 1);
        Assert.Equal(["/open/1", "/open/2"], upstream.Seen.Select(s => s.Target));
    }

    private static async Task<string> Read(RawCaller caller)
    {
        try
        {
            return await caller.ReadToEnd().WaitAsync(TimeSpan.FromMinutes(2));
        }
        catch (IOException)
        {
            return "";
        }
    }

    [GeneratedRegex("HTTP/1\\.1 [0-9]{3} ")]
    private static partial Regex Status();
}
