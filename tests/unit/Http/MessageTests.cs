using System.Collections.Immutable;
using JitGrains.Http;

namespace JitGrains.UnitTests.Http;

/// <summary>Methods, Host, framing, overriding headers and upgrades; a row is a whole request.</summary>
public class MessageTests
{
    private const string H = "\nHost: api.example.com";

    public static TheoryData<string, string> Rows => new()
    {
        // Methods.
        { "GET / HTTP/1.1" + H, "ok" },
        { "GET / HTTP/1.0" + H, "ok" },
        { "GET / HTTP/2" + H, "ok" },
        { "GET / HTTP/3" + H, "ok" },
        { "PURGE / HTTP/1.1" + H, "ok" },
        { "M-SEARCH / HTTP/1.1" + H, "ok" },
        { "purge / HTTP/1.1" + H, "ok" },
        { "get / HTTP/1.1" + H, "400 method-case" },
        { "Post / HTTP/1.1" + H, "400 method-case" },
        { "dELETE / HTTP/2" + H, "400 method-case" },
        { "connect / HTTP/1.1" + H, "400 method-case" },
        { "TRACE / HTTP/1.1" + H, "405 method-refused" },
        { "TRACK / HTTP/1.1" + H, "405 method-refused" },
        { "PRI / HTTP/1.1" + H, "405 method-refused" },
        { "CONNECT api.example.com:443 HTTP/1.1" + H, "405 connect-refused" },
        { "CONNECT / HTTP/2" + H, "405 connect-refused" },
        { " / HTTP/1.1" + H, "400 bad-method" },
        { "GE(T / HTTP/1.1" + H, "400 bad-method" },
        { "GET\t / HTTP/1.1" + H, "400 bad-method" },
        { "GÉT / HTTP/1.1" + H, "400 bad-method" },
        { new string('A', 32) + " / HTTP/1.1" + H, "ok" },
        { new string('A', 33) + " / HTTP/1.1" + H, "400 bad-method" },
        { "GET / HTTP/0.9" + H, "505 bad-protocol" },
        { "GET / SPDY/3.1" + H, "505 bad-protocol" },
        // Host.
        { "GET / HTTP/1.1", "400 host-missing" },
        { "GET / HTTP/1.0", "400 host-missing" },
        { "GET / HTTP/1.1" + H + H, "400 host-repeated" },
        { "GET / HTTP/1.1" + H + "\nhost: other.example.com", "400 host-repeated" },
        { "GET / HTTP/1.1\nHost: ", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: user@api.example.com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: user:secret@api.example.com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com.", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: .example.com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api..example.com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com/", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com?x", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com, other.example.com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api example.com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api%2eexample.com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com:", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com:0", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com:080", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com:65536", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com:80x", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com:+80", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: api.example.com:80:80", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: http://api.example.com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: " + new string('a', 64) + ".com", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: " + string.Join('.', Enumerable.Repeat("abcdefg", 32)), "400 bad-host" },
        { "GET / HTTP/1.1\nHost: bücher.example.com", "400 header-character" },
        { "GET / HTTP/1.1\nHost: 127.1", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: 2130706433", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: 0x7f000001", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: 0177.0.0.1", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: 127.0.0.256", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: ::1", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: [::1", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: [[::1]]", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: [::1%25lo]", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: [127.0.0.1]", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: [::1]x", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: [::1]:80x", "400 bad-host" },
        { "GET / HTTP/1.1\nHost: []", "400 bad-host" },
        // Framing.
        { "POST / HTTP/1.1" + H + "\nContent-Length: 0", "ok" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: 12", "ok" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: 12\nContent-Length: 12", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: 12\nContent-Length: 13", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: 12, 12", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: -1", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: +1", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: 0x10", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: ", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: 99999999999999999999", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: 9999999999999999999", "400 bad-content-length" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: chunked", "ok" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: Chunked", "ok" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: chunked\nContent-Length: 5", "400 conflicting-length" },
        { "POST / HTTP/1.1" + H + "\nContent-Length: 5\nTransfer-Encoding: chunked", "400 conflicting-length" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: chunked\nX-Content-Length: 5", "400 conflicting-length" },
        { "POST / HTTP/1.1" + H + "\nX-Content-Length: 5", "ok" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: gzip, chunked", "400 bad-transfer-encoding" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: chunked, identity", "400 bad-transfer-encoding" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: identity", "400 bad-transfer-encoding" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: xchunked", "400 bad-transfer-encoding" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: \"chunked\"", "400 bad-transfer-encoding" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: ", "400 bad-transfer-encoding" },
        { "POST / HTTP/1.1" + H + "\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked", "400 bad-transfer-encoding" },
        { "POST / HTTP/1.0" + H + "\nTransfer-Encoding: chunked", "400 bad-transfer-encoding" },
        { "POST / HTTP/2" + H + "\nTransfer-Encoding: chunked", "400 bad-transfer-encoding" },
        { "POST / HTTP/1.1" + H + "\nTransfer_Encoding: chunked", "400 header-alias" },
        { "POST / HTTP/1.1" + H + "\nContent_Length: 5", "400 header-alias" },
        { "POST / HTTP/1.1" + H + "\nContent-Type: a/b\nContent-Type: a/b", "400 repeated-header" },
        { "POST / HTTP/1.1" + H + "\nContent_Type: application/json", "400 header-alias" },
        { "GET / HTTP/1.1" + H + "\nAuthorization: Bearer a\nAuthorization: Bearer b", "400 repeated-header" },
        // What would override the request line.
        { "POST / HTTP/1.1" + H + "\nX-HTTP-Method-Override: DELETE", "400 override-header" },
        { "POST / HTTP/1.1" + H + "\nx-http-method-override: DELETE", "400 override-header" },
        { "POST / HTTP/1.1" + H + "\nX_HTTP_Method_Override: DELETE", "400 override-header" },
        { "POST / HTTP/1.1" + H + "\nX-HTTP_Method-Override: DELETE", "400 override-header" },
        { "POST / HTTP/1.1" + H + "\nX-HTTP-Method: DELETE", "400 override-header" },
        { "POST / HTTP/1.1" + H + "\nX-Method-Override: DELETE", "400 override-header" },
        { "GET / HTTP/1.1" + H + "\nX-Original-URL: /admin", "400 override-header" },
        { "GET / HTTP/1.1" + H + "\nX-Original_URL: /admin", "400 override-header" },
        { "GET / HTTP/1.1" + H + "\nX-Rewrite-URL: /admin", "400 override-header" },
        { "GET / HTTP/1.1" + H + "\nX-Forwarded-Prefix: /admin", "ok" },
        // Our own headers.
        { "GET / HTTP/1.1" + H + "\nJit-Reason: Rückfrage", "ok" },
        { "GET / HTTP/1.1" + H + "\nJit_Reason: x", "400 header-alias" },
        { "GET / HTTP/1.1" + H + "\njit_request: x", "400 header-alias" },
        { "GET / HTTP/1.1" + H + "\nJIT-Request_Id: x", "400 header-alias" },
        { "GET / HTTP/1.1" + H + "\nJit-Reason: a\nJit-Reason: b", "400 repeated-header" },
        { "GET / HTTP/1.1" + H + "\nIdempotency_Key: b", "400 header-alias" },
        { "GET / HTTP/1.1" + H + "\nJit-Reason: a\u0000b", "400 header-character" },
        { "GET / HTTP/1.1" + H + "\nJit-Reason: a\u0085b", "400 header-character" },
        // Names and values.
        { "GET / HTTP/1.1" + H + "\nX-A: b\tc", "ok" },
        { "GET / HTTP/1.1" + H + "\nX-A: ", "ok" },
        { "GET / HTTP/1.1" + H + "\nX-A: a\rb", "400 header-character" },
        { "GET / HTTP/1.1" + H + "\nX-A: a\u0000b", "400 header-character" },
        { "GET / HTTP/1.1" + H + "\nX-A: a\u007fb", "400 header-character" },
        { "GET / HTTP/1.1" + H + "\nX-A: é", "400 header-character" },
        { "GET / HTTP/1.1" + H + "\nX A: b", "400 bad-header-name" },
        { "GET / HTTP/1.1" + H + "\nX-A : b", "400 bad-header-name" },
        { "GET / HTTP/1.1" + H + "\n X-A: b", "400 bad-header-name" },
        { "GET / HTTP/1.1" + H + "\n:path: /", "400 bad-header-name" },
        { "GET / HTTP/1.1" + H + "\nÉ: b", "400 bad-header-name" },
        { "GET / HTTP/1.1" + H + "\n: b", "400 bad-header-name" },
        // Connection.
        { "GET / HTTP/1.1" + H + "\nConnection: close", "ok" },
        { "GET / HTTP/1.1" + H + "\nConnection: Keep-Alive", "ok" },
        { "GET / HTTP/1.1" + H + "\nConnection: TE, close\nTE: trailers", "ok" },
        { "GET / HTTP/1.1" + H + "\nConnection: upgrade", "ok" },
        { "GET / HTTP/1.1" + H + "\nConnection: ", "ok" },
        { "GET / HTTP/1.1" + H + "\nConnection: close, X-Forwarded-For", "400 bad-connection" },
        { "GET / HTTP/1.1" + H + "\nConnection: Authorization", "400 bad-connection" },
        { "GET / HTTP/1.1" + H + "\nConnection: close\nConnection: Jit-Request", "400 bad-connection" },
        { "GET / HTTP/1.1" + H + "\nConnection: \"close\"", "400 bad-connection" },
        { "GET / HTTP/2" + H + "\nConnection: close", "400 connection-specific" },
        { "GET / HTTP/2" + H + "\nKeep-Alive: timeout=5", "400 connection-specific" },
        { "GET / HTTP/2" + H + "\nUpgrade: websocket", "400 connection-specific" },
        { "GET / HTTP/2" + H + "\nTE: gzip", "400 connection-specific" },
        { "GET / HTTP/2" + H + "\nTE: trailers", "ok" },
        // Upgrades.
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: websocket", "ok websocket" },
        { "GET / HTTP/1.1" + H + "\nConnection: keep-alive, Upgrade\nUpgrade: WebSocket", "ok websocket" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: websocket\nContent-Length: 0", "ok websocket" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: websocket\nContent-Length: 9", "400 bad-upgrade" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: websocket\nTransfer-Encoding: chunked", "400 bad-upgrade" },
        { "GET / HTTP/1.1" + H + "\nUpgrade: websocket", "400 bad-upgrade" },
        { "POST / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: websocket", "400 bad-upgrade" },
        { "GET / HTTP/1.0" + H + "\nConnection: Upgrade\nUpgrade: websocket", "400 bad-upgrade" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: h2c", "400 bad-upgrade" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABk", "400 bad-connection" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: SPDY/3.1", "400 bad-upgrade" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: websocket, h2c", "400 bad-upgrade" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: websocket\nUpgrade: h2c", "400 bad-upgrade" },
        { "GET / HTTP/1.1" + H + "\nConnection: Upgrade\nUpgrade: ", "400 bad-upgrade" },
        // HTTP/2 has one form of target.
        { "GET http://api.example.com/ HTTP/2" + H, "400 absolute-form" },
        { "OPTIONS * HTTP/1.1" + H, "400 asterisk-form" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_request_is_accepted_or_refused(string text, string expected)
    {
        var actual = RequestParser.Parse(Requests.Text(text)).TryGet(out var request, out var refusal)
            ? request.IsWebSocket ? "ok websocket" : "ok"
            : $"{refusal.Status} {refusal.Code}";
        Assert.Equal(expected, actual);
    }

    [Theory]
    [InlineData("api.example.com", "http", "api.example.com", "api.example.com")]
    [InlineData("API.Example.COM", "http", "api.example.com", "api.example.com")]
    [InlineData("api.example.com:80", "http", "api.example.com", "api.example.com")]
    [InlineData("api.example.com:443", "https", "api.example.com", "api.example.com")]
    [InlineData("api.example.com:443", "http", "api.example.com:443", "api.example.com")]
    [InlineData("api.example.com:8080", "http", "api.example.com:8080", "api.example.com")]
    [InlineData("orders_service:8080", "http", "orders_service:8080", "orders_service")]
    [InlineData("xn--bcher-kva.example.com", "http", "xn--bcher-kva.example.com", "xn--bcher-kva.example.com")]
    [InlineData("127.0.0.1:8080", "http", "127.0.0.1:8080", "127.0.0.1")]
    [InlineData("[::1]:8080", "http", "[::1]:8080", "[::1]")]
    [InlineData("[0:0:0:0:0:0:0:1]", "http", "[::1]", "[::1]")]
    [InlineData("[2001:DB8::A]:443", "https", "[2001:db8::a]", "[2001:db8::a]")]
    public void An_authority_has_one_form(string host, string scheme, string authority, string bare)
    {
        var request = Requests.Canonical(Requests.Text($"GET / HTTP/1.1\nHost: {host}", scheme));
        Assert.Equal((authority, bare), (request.Authority, request.Host));
    }

    [Theory]
    [InlineData("CONNECT", "HTTP/2", "websocket", "ok websocket")]
    [InlineData("CONNECT", "HTTP/3", "websocket", "ok websocket")]
    [InlineData("CONNECT", "HTTP/2", "connect-udp", "connect-refused")]
    [InlineData("CONNECT", "HTTP/2", "WebSocket", "connect-refused")]
    [InlineData("CONNECT", "HTTP/1.1", "websocket", "connect-refused")]
    [InlineData("GET", "HTTP/2", "websocket", "bad-method")]
    public void Extended_CONNECT_is_for_WebSockets(string method, string protocol, string connectProtocol, string expected)
    {
        var raw = Requests.Text($"{method} /chat {protocol}{H}", connectProtocol: connectProtocol);
        var actual = RequestParser.Parse(raw).TryGet(out var request, out var refusal) ? request.IsWebSocket ? "ok websocket" : "ok" : refusal.Code;
        Assert.Equal(expected, actual);
        if (request is not null)
            Assert.Equal("CONNECT", request.Method);
    }

    [Fact]
    public void Header_names_are_lower_case_and_values_trimmed_in_the_order_they_came()
    {
        var request = Requests.Canonical("GET", "/", "X-B:  2 ", "X-A: 1", "x-b: \t3", "Trailer: X-Sum");
        Assert.Equal(["host=api.example.com", "x-b=2", "x-a=1", "x-b=3", "trailer=X-Sum"], request.Headers.Select(h => $"{h.Name}={h.Value}"));
        Assert.True(request.DeclaresTrailers);
        Assert.Equal("1", request.SingleHeader("x-a"));
        Assert.Null(request.SingleHeader("x-b"));
        Assert.True(request.HasHeader("x-b"));
        Assert.False(request.HasHeader("x-c"));
    }

    [Fact]
    public void Too_many_or_too_large_headers_are_431()
    {
        var raw = Requests.Raw("GET", "/");
        var many = raw with { Headers = [.. raw.Headers, .. Enumerable.Repeat(new HeaderLine("X", "y"), RequestParser.MaxHeaders)] };
        var large = raw with { Headers = [.. raw.Headers, new HeaderLine("X", new string('y', RequestParser.MaxHeaderBytes))] };
        Assert.Equal("headers-too-large", Requests.RefusalCode(many));
        Assert.Equal("headers-too-large", Requests.RefusalCode(large));
        Assert.Null(Requests.RefusalCode(many with { Headers = many.Headers.RemoveAt(1) }));
    }

    [Fact]
    public void No_result_is_a_refusal() => Assert.False(default(CanonicalResult).TryGet(out _, out _));
}
