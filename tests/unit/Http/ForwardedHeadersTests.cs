using JitGrains.Http;
using JitGrains.UnitTests.Binding;

namespace JitGrains.UnitTests.Http;

public class ForwardedHeadersTests
{
    [Fact]
    public void What_goes_upstream_and_in_which_form()
    {
        var request = Requests.Canonical("POST", "/",
            "Accept: */*", "Authorization: Bearer x", "Connection: close", "Content-Length: 3", "Content-Type: text/plain",
            "Forwarded: for=192.0.2.1", "Idempotency-Key: k", "Jit-Reason: r", "Jit-Request: q", "Keep-Alive: x",
            "Prefer: wait=5, return=minimal", "Proxy: http://evil.example.com", "Proxy-Authorization: y", "TE: trailers",
            "Trailer: X-Sum", "User-Agent: u", "Via: 1.1 p", "X-Forwarded-For: 192.0.2.1", "X_Forwarded_Host: h", "X-Real-IP: z", "X_Real_IP: z");
        Assert.Equal(
            ["accept", "content-type", "idempotency-key", "prefer", "trailer", "user-agent", "via"],
            ForwardedHeaders.OfRequest(request, Calls.Api).Select(h => h.Name));
        Assert.Equal("return=minimal", ForwardedHeaders.OfRequest(request, Calls.Api).Single(h => h.Name == "prefer").Value);
        Assert.Contains(ForwardedHeaders.OfRequest(request, Calls.Api with { ForwardAuthorization = true }), h => h == new HeaderLine("authorization", "Bearer x"));
    }

    [Theory]
    [InlineData("wait=5", null)]
    [InlineData("respond-async", null)]
    [InlineData("respond-async, wait=5", null)]
    [InlineData("Wait=5;x=y, Respond-Async", null)]
    [InlineData("return=minimal", "return=minimal")]
    [InlineData("return=minimal,wait=5", "return=minimal")]
    [InlineData("a=\"x, wait=5\", wait = 5, b", "a=\"x, wait=5\", b")]
    [InlineData("a=\"x\\\", wait=5\"", "a=\"x\\\", wait=5\"")]
    [InlineData("waiting=5", "waiting=5")]
    [InlineData("", null)]
    public void Of_Prefer_only_what_is_not_ours_goes_on(string value, string? rest) => Assert.Equal(rest, Preferences.WithoutOurs(value));

    [Theory]
    [InlineData("wait=5", 5)]
    [InlineData("respond-async, wait=10", 10)]
    [InlineData("wait=5, wait=10", 5)]
    [InlineData("WAIT = \"7\"", 7)]
    [InlineData("wait=5;x=y", 5)]
    [InlineData("wait", null)]
    [InlineData("wait=-1", null)]
    [InlineData("wait=1.5", null)]
    [InlineData("wait=99999999999", null)]
    [InlineData("x=\"wait=5\"", null)]
    [InlineData("", null)]
    public void The_wait_that_is_preferred(string value, int? seconds) => Assert.Equal(seconds, Preferences.WaitSeconds([value]));

    [Theory]
    [InlineData("Jit-Decision", false)]
    [InlineData("jit-request", false)]
    [InlineData("Jit_Request", false)]
    [InlineData("JIT-X", false)]
    [InlineData("Jitter", true)]
    [InlineData("Set-Cookie", true)]
    [InlineData("jit", true)]
    public void Our_headers_do_not_come_from_an_upstream(string name, bool returned) => Assert.Equal(returned, ForwardedHeaders.IsReturned(name));
}
