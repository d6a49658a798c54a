using System.Security.Cryptography;
using System.Text;
using JitGrains.Binding;
using JitGrains.Grants;
using JitGrains.Http;
using JitGrains.UnitTests.Http;

namespace JitGrains.UnitTests.Binding;

public class PayloadBindingTests
{
    [Fact]
    public void The_form_is_as_documented()
    {
        var request = Calls.Post("/orders/42/refunds?x=1", "X-B: 2", "X-A: 1", "X-B: 3");
        var form = new List<byte>();
        void Length(int n) => form.AddRange([(byte)(n >> 24), (byte)(n >> 16), (byte)(n >> 8), (byte)n]);
        void Text(string text)
        {
            Length(Encoding.UTF8.GetByteCount(text));
            form.AddRange(Encoding.UTF8.GetBytes(text));
        }

        foreach (var part in new[] { "jit-payload-1", "POST", "http", "api.example.com", "", "/orders/42/refunds", "?x=1" })
            Text(part);
        Length(3);
        foreach (var part in new[] { "x-a", "1", "x-b", "2", "x-b", "3" })
            Text(part);
        Length(32);
        form.AddRange(SHA256.HashData("hello"u8));

        var expected = Convert.ToBase64String(HMACSHA256.HashData(Calls.Key, form.ToArray())).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        Assert.Equal("hmac-sha256;jit-payload-1;" + expected, Calls.Digest(request, "hello"));
    }

    /// <summary>Each is the base call with one difference.</summary>
    public static TheoryData<string, string, string[], string> Bound => new()
    {
        { "PUT", "/orders/42/refunds?x=1", ["X-A: 1"], "body" },
        { "POST", "/orders/43/refunds?x=1", ["X-A: 1"], "body" },
        { "POST", "/orders/%342/refunds?x=1", ["X-A: 1"], "body" },
        { "POST", "/orders/42/refunds/?x=1", ["X-A: 1"], "body" },
        { "POST", "/orders/42/refunds?x=2", ["X-A: 1"], "body" },
        { "POST", "/orders/42/refunds?x=1&", ["X-A: 1"], "body" },
        { "POST", "/orders/42/refunds", ["X-A: 1"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 2"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-B: 1"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "X-A: 1"], "body" },
        { "POST", "/orders/42/refunds?x=1", [], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "Idempotency-Key: k"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "Cookie: a=b"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "Content-Type: text/plain"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "Accept: text/plain"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "If-Match: x"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "Prefer: resolution=merge-duplicates"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "Prefer: wait=5, return=minimal"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1", "User_Agent: x"], "body" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1"], "bodY" },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1"], "body " },
        { "POST", "/orders/42/refunds?x=1", ["X-A: 1"], "" },
    };

    [Theory]
    [MemberData(nameof(Bound))]
    public void Any_bound_difference_is_another_payload(string method, string target, string[] headers, string body) =>
        Assert.NotEqual(
            Calls.Digest(Calls.Post("/orders/42/refunds?x=1", "X-A: 1"), "body"),
            Calls.Digest(Requests.Canonical(method, target, headers), body));

    [Theory]
    [InlineData("Authorization: Bearer x")]
    [InlineData("Proxy-Authorization: Basic x")]
    [InlineData("User-Agent: curl/8")]
    [InlineData("Accept-Encoding: gzip")]
    [InlineData("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    [InlineData("tracestate: a=b")]
    [InlineData("baggage: a=b")]
    [InlineData("b3: 1")]
    [InlineData("X-B3-TraceId: 1")]
    [InlineData("X-Request-Id: 1")]
    [InlineData("X-Correlation-Id: 1")]
    [InlineData("Via: 1.1 proxy")]
    [InlineData("Forwarded: for=192.0.2.1")]
    [InlineData("X-Forwarded-For: 192.0.2.1")]
    [InlineData("X-Forwarded-Prefix: /x")]
    [InlineData("X_Forwarded_For: 192.0.2.1")]
    [InlineData("X-Real-IP: 192.0.2.1")]
    [InlineData("Connection: close")]
    [InlineData("Keep-Alive: timeout=5")]
    [InlineData("TE: trailers")]
    [InlineData("Transfer-Encoding: chunked")]
    [InlineData("Proxy-Connection: close")]
    [InlineData("Content-Length: 4")]
    [InlineData("Prefer: wait=10")]
    [InlineData("Prefer: respond-async, wait=10")]
    [InlineData("Jit-Request: rq_1")]
    [InlineData("Jit-Reason: because")]
    [InlineData("X-Declared: 1")]
    public void What_is_not_bound_makes_no_difference(string header)
    {
        var action = Calls.Action() with { UnboundHeaders = ["x-declared"] };
        var api = Calls.Api with { ForwardAuthorization = true };
        Assert.Equal(
            Calls.Digest(Calls.Post(headers: "X-A: 1"), "body", action, api),
            Calls.Digest(Calls.Post(headers: ["X-A: 1", header]), "body", action, api));
    }

    [Fact]
    public void Authority_scheme_upgrade_and_key_are_bound()
    {
        var digest = Calls.Digest(Calls.Post());
        var request = Calls.Post();
        Assert.NotEqual(digest, Calls.Digest(request with { Authority = "api.example.com:8080" }));
        Assert.NotEqual(digest, Calls.Digest(request with { Scheme = "https" }));
        Assert.NotEqual(digest, Calls.Digest(request with { IsWebSocket = true }));
        Assert.NotEqual(digest, Calls.Digest(request, key: [.. Calls.Key.Reverse()]));
    }

    [Fact]
    public void The_order_of_different_names_means_nothing_and_of_one_name_something()
    {
        Assert.Equal(Calls.Digest(Calls.Post(headers: ["X-A: 1", "X-B: 2"])), Calls.Digest(Calls.Post(headers: ["x-b: 2", "x-a: 1"])));
        Assert.NotEqual(Calls.Digest(Calls.Post(headers: ["X-A: 1", "X-A: 2"])), Calls.Digest(Calls.Post(headers: ["X-A: 2", "X-A: 1"])));
    }

    public static TheoryData<string[], string[]> Shifts => new()
    {
        { ["X-A: 1", "X-B: 2"], ["X-A: 1x-b2"] },
        { ["X-A: 12"], ["X-A1: 2"] },
        { ["X-A: 1, 2"], ["X-A: 1", "X-A: 2"] },
        { ["X-A: "], [] },
        { ["X-A: ", "X-B: 1"], ["X-A: 1", "X-B: "] },
    };

    [Theory]
    [MemberData(nameof(Shifts))]
    public void Nothing_can_be_shifted_between_headers(string[] one, string[] other) =>
        Assert.NotEqual(Calls.Digest(Calls.Post(headers: one)), Calls.Digest(Calls.Post(headers: other)));

    [Fact]
    public void Nothing_can_be_shifted_between_path_query_and_body()
    {
        var request = Calls.Post("/a?b", "X-A: 1");
        var digests = new[]
        {
            Calls.Digest(request, "c"),
            Calls.Digest(request with { RawPath = "/a?", RawQuery = "b" }, "c"),
            Calls.Digest(request with { RawPath = "/a?b", RawQuery = "" }, "c"),
            Calls.Digest(request with { RawQuery = "?bc" }, ""),
            Calls.Digest(request with { Method = "POSTh", Scheme = "ttp" }, "c"),
        };
        Assert.Equal(digests.Length, digests.Distinct().Count());
    }

    [Theory]
    [InlineData(BindingKind.Action, false, false)]
    [InlineData(BindingKind.Resource, true, false)]
    [InlineData(BindingKind.Payload, true, true)]
    public void The_rejoin_key_holds_as_much_as_the_binding_pins(BindingKind binding, bool resource, bool payload)
    {
        var key = RejoinKey.Compute("dev:user:alice", "orders", "orders.refund", "order=42", binding, "d1");
        Assert.Equal(43, key.Length);
        Assert.Equal(key, RejoinKey.Compute("dev:user:alice", "orders", "orders.refund", "order=42", binding, "d1"));
        Assert.NotEqual(key, RejoinKey.Compute("dev:user:bob", "orders", "orders.refund", "order=42", binding, "d1"));
        Assert.NotEqual(key, RejoinKey.Compute("dev:user:alice", "others", "orders.refund", "order=42", binding, "d1"));
        Assert.NotEqual(key, RejoinKey.Compute("dev:user:alice", "orders", "orders.cancel", "order=42", binding, "d1"));
        Assert.Equal(resource, key != RejoinKey.Compute("dev:user:alice", "orders", "orders.refund", "order=43", binding, "d1"));
        Assert.Equal(payload, key != RejoinKey.Compute("dev:user:alice", "orders", "orders.refund", "order=42", binding, "d2"));
        Assert.NotEqual(key, RejoinKey.Compute("dev:user:aliceorders", "", "orders.refund", "order=42", binding, "d1"));
        foreach (var other in Enum.GetValues<BindingKind>().Where(b => b != binding))
            Assert.NotEqual(key, RejoinKey.Compute("dev:user:alice", "orders", "orders.refund", "order=42", other, "d1"));
    }
}
