using JitGrains.Http;

namespace JitGrains.UnitTests.Http;

/// <summary>Request targets: accepted with these decoded segments (and this loose form where it differs), or refused with this code.</summary>
public class TargetTests
{
    public static TheoryData<string, string, string> Accepted => new()
    {
        // target, segments decoded, loose segments ("=": the same)
        { "/", "", "=" },
        { "/orders", "orders", "=" },
        { "/orders/42", "orders|42", "=" },
        { "/orders/42/refunds", "orders|42|refunds", "=" },
        { "/orders/", "orders|", "orders" },
        { "/orders/42/", "orders|42|", "orders|42" },
        { "/Orders/42", "Orders|42", "orders|42" },
        { "/ORDERS", "ORDERS", "orders" },
        { "/%6frders/42", "orders|42", "=" },
        { "/%6Frders/42", "orders|42", "=" },
        { "/%4Frders", "Orders", "orders" },
        { "/orders/a%20b", "orders|a b", "=" },
        { "/orders/a+b", "orders|a+b", "=" },
        { "/orders/a%2Bb", "orders|a+b", "=" },
        { "/orders/caf%C3%A9", "orders|café", "=" },
        { "/orders/CAF%C3%89", "orders|CAFÉ", "orders|café" },
        { "/orders/cafe%CC%81", "orders|cafe\u0301", "orders|café" },
        { "/orders/%F0%9F%98%80", "orders|😀", "=" },
        { "/%EF%BD%8Frders", "ｏrders", "orders" },
        { "/%EF%BC%AFRDERS", "ＯRDERS", "orders" },
        { "/%F0%9D%90%A8rders", "𝐨rders", "orders" },
        { "/%E2%84%82", "ℂ", "c" },
        { "/order%C5%BF", "orderſ", "orders" },
        { "/%E2%84%AAeys", "\u212Aeys", "keys" },
        { "/o%EF%AC%81x", "oﬁx", "ofix" },
        { "/%CF%82", "ς", "σ" },
        { "/orders;v=1/42", "orders;v=1|42", "orders|42" },
        { "/orders;v=1;w=2/42;x", "orders;v=1;w=2|42;x", "orders|42" },
        { "/orders%3Bv=1/42", "orders;v=1|42", "orders|42" },
        { "/orders%3Fx/42", "orders?x|42", "orders" },
        { "/orders%23x/42", "orders#x|42", "orders" },
        { "/orders./42", "orders.|42", "orders|42" },
        { "/orders%20/42", "orders |42", "orders|42" },
        { "/orders/%20", "orders| ", "orders" },
        { "/orders.json", "orders.json", "=" },
        { "/.well-known/x", ".well-known|x", "=" },
        { "/..orders", "..orders", "=" },
        { "/orders..x", "orders..x", "=" },
        { "/~user/a-b_c.d", "~user|a-b_c.d", "=" },
        { "/a!b$c&d'e(f)g*h+i,j=k:l@m", "a!b$c&d'e(f)g*h+i,j=k:l@m", "=" },
        { "/a|b[c]", "a|b[c]", "=" },
        { "/a%2Fb", "a/b", "a|b" },
        { "/a%2fb/c", "a/b|c", "a|b|c" },
        { "/%2Forders", "/orders", "orders" },
        { "/100%25", "100%", "=" },
        { "/100%25x", "100%x", "=" },
        { "/a%252Fb", "a%2Fb", "a|b" },
        { "/%256frders", "%6frders", "orders" },
        { "/%25256frders", "%256frders", "orders" },
        { "/%EF%BC%85%36frders", "％6frders", "orders" },
        { "/a%EF%BC%8Fb", "a／b", "a|b" },
        { "/a%E2%84%80b", "a℀b", "aa|cb" },
        { "/users/alice@example.com", "users|alice@example.com", "=" },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void A_path_has_these_segments(string target, string segments, string loose)
    {
        var request = Requests.Canonical("GET", target);
        Assert.Equal(segments, string.Join('|', request.Segments.Select(s => s.Decoded)));
        Assert.Equal(loose == "=" ? segments : loose, string.Join('|', request.LooseSegments));
        Assert.Equal(target, request.RawTarget);
        Assert.Equal(target[1..], string.Join('/', request.Segments.Select(s => s.Raw)));
    }

    [Theory]
    [InlineData("/a%2Fb", true)]
    [InlineData("/a%2fb", true)]
    [InlineData("/100%25", true)]
    [InlineData("/a%252Fb", true)]
    [InlineData("/a%20b", false)]
    [InlineData("/ab", false)]
    public void An_encoded_slash_or_percent_is_marked_for_whoever_matches(string target, bool marked) =>
        Assert.Equal(marked, Requests.Canonical("GET", target).Segments[0].HasEncodedSlashOrPercent);

    public static TheoryData<string, string> Refused => new()
    {
        { "", "empty-target" },
        { "*", "asterisk-form" },
        { "api.example.com:80", "authority-form" },
        { "orders", "authority-form" },
        { "ftp://api.example.com/", "authority-form" },
        { "javascript:alert(1)", "authority-form" },
        { "?x=1", "authority-form" },
        // Dot segments, in every disguise.
        { "/.", "dot-segment" },
        { "/..", "dot-segment" },
        { "/./orders", "dot-segment" },
        { "/../orders", "dot-segment" },
        { "/orders/..", "dot-segment" },
        { "/orders/../admin", "dot-segment" },
        { "/orders/./42", "dot-segment" },
        { "/orders/%2e%2e/admin", "dot-segment" },
        { "/orders/%2E%2E/admin", "dot-segment" },
        { "/orders/.%2e/admin", "dot-segment" },
        { "/orders/%2e./admin", "dot-segment" },
        { "/orders/%2e/42", "dot-segment" },
        { "/orders/%252e%252e/admin", "dot-segment" },
        { "/orders/%25252e%25252e/admin", "dot-segment" },
        { "/orders/.%252e/admin", "dot-segment" },
        { "/orders/..;/admin", "dot-segment" },
        { "/orders/..;x=1/admin", "dot-segment" },
        { "/orders/.;x/42", "dot-segment" },
        { "/orders/%2e%2e;x/admin", "dot-segment" },
        { "/orders/..%3Bx/admin", "dot-segment" },
        { "/orders/..%253Bx/admin", "dot-segment" },
        { "/orders/..%20/admin", "dot-segment" },
        { "/orders/%20../admin", "dot-segment" },
        { "/orders/.../admin", "dot-segment" },
        { "/orders/..%2Fadmin", "dot-segment" },
        { "/orders/..%252Fadmin", "dot-segment" },
        { "/orders/%2F..", "dot-segment" },
        { "/orders/a%2F..%2F..%2Fadmin", "dot-segment" },
        { "/orders/a%2F%2e%2e", "dot-segment" },
        { "/orders/a%2F..;x%2Fb", "dot-segment" },
        { "/orders/%EF%BC%8E%EF%BC%8E/admin", "dot-segment" },
        { "/orders/%E2%80%A5/admin", "dot-segment" },
        { "/orders/%E2%80%A4%E2%80%A4/admin", "dot-segment" },
        { "/orders/..%EF%BC%8Fadmin", "dot-segment" },
        { "/orders/..%3Fx", "dot-segment" },
        { "/orders/..%23x", "dot-segment" },
        // Empty segments.
        { "//", "empty-segment" },
        { "//orders", "empty-segment" },
        { "//evil.example.com/orders", "empty-segment" },
        { "/orders//42", "empty-segment" },
        { "/orders/42//", "empty-segment" },
        { "///", "empty-segment" },
        { "/http://x", "empty-segment" },
        { "/;x/orders", "empty-segment" },
        { "/orders/;", "empty-segment" },
        { "/orders/%3B/42", "empty-segment" },
        // Backslashes.
        { "\\orders", "backslash" },
        { "/orders\\42", "backslash" },
        { "/orders?x=\\", "backslash" },
        { "/orders%5C42", "encoded-backslash" },
        { "/orders%5c..%5cadmin", "encoded-backslash" },
        { "/orders%255C42", "encoded-backslash" },
        { "/orders%EF%BC%BC42", "encoded-backslash" },
        // Control characters.
        { "/orders\0", "control-character" },
        { "/orders\t", "control-character" },
        { "/orders\r\nX: y", "control-character" },
        { "/orders\x7f", "control-character" },
        { "/orders%00", "control-character" },
        { "/orders/42%00.json", "control-character" },
        { "/orders%0d%0aX:%20y", "control-character" },
        { "/orders%09", "control-character" },
        { "/orders%1F", "control-character" },
        { "/orders%7F", "control-character" },
        { "/orders%C2%80", "control-character" },
        { "/orders%C2%85", "control-character" },
        { "/orders%2500", "control-character" },
        { "/orders%250a", "control-character" },
        { "/orders?x=%00", "control-character" },
        { "/orders?x=a%0Ab", "control-character" },
        { "/orders?%0D=1", "control-character" },
        // Broken escapes and text.
        { "/orders%", "malformed-escape" },
        { "/orders%2", "malformed-escape" },
        { "/orders%zz", "malformed-escape" },
        { "/orders%2g", "malformed-escape" },
        { "/orders%u0041", "malformed-escape" },
        { "/orders/%%32%65", "malformed-escape" },
        { "/orders?x=%", "malformed-escape" },
        { "/orders?x=%4", "malformed-escape" },
        { "/orders?%=1", "malformed-escape" },
        { "/orders?x=%u0041", "malformed-escape" },
        { "/%C0%AF", "invalid-utf8" },
        { "/%C0%AE%C0%AE/admin", "invalid-utf8" },
        { "/%E0%80%AF", "invalid-utf8" },
        { "/%F0%80%80%AF", "invalid-utf8" },
        { "/%C1%9C", "invalid-utf8" },
        { "/%25c0%25af", "invalid-utf8" },
        { "/%FF", "invalid-utf8" },
        { "/%C3", "invalid-utf8" },
        { "/%A9", "invalid-utf8" },
        { "/%ED%A0%80", "invalid-utf8" },
        { "/%F4%90%80%80", "invalid-utf8" },
        { "/orders?x=%FF", "invalid-utf8" },
        { "/orders?x=%C0%80", "invalid-utf8" },
        { "/%252525252e", "dot-segment" },
        { "/%25252525252525", "nested-encoding" },
        // What has no place in a target.
        { "/orders#top", "fragment" },
        { "/orders?x=1#top", "fragment" },
        { "/orders 42", "raw-space" },
        { "/orders?x=a b", "raw-space" },
        { "/caf\u00e9", "raw-non-ascii" },
        { "/orders?x=\u00e9", "raw-non-ascii" },
        { "/\uff0e\uff0e/admin", "raw-non-ascii" },
        { "/\ud800", "raw-non-ascii" },
        { "/orders<script>", "bad-character" },
        { "/orders\"", "bad-character" },
        { "/orders^", "bad-character" },
        { "/orders`id`", "bad-character" },
        { "/orders/{id}", "bad-character" },
        { "/orders?x=<", "bad-character" },
        { "/orders?x=\"", "bad-character" },
        // The method comes from the request line alone.
        { "/orders?_method=DELETE", "method-override" },
        { "/orders?a=1&_method=DELETE", "method-override" },
        { "/orders?_METHOD=DELETE", "method-override" },
        { "/orders?%5Fmethod=DELETE", "method-override" },
        { "/orders?_%6Dethod", "method-override" },
        { "/orders?a=1;_method=DELETE", "method-override" },
        { "/orders?+_method=DELETE", "method-override" },
        { "/orders?%20_method=DELETE", "method-override" },
        { "/orders?.method=DELETE", "method-override" },
        { "/orders?[method=DELETE", "method-override" },
        { "/orders?_method[]=DELETE", "method-override" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_could_be_read_two_ways_is_refused(string target, string code)
    {
        Assert.False(RequestParser.Parse(Requests.Raw("GET", target)).TryGet(out _, out var refusal));
        Assert.Equal(code, refusal.Code);
        Assert.Equal(400, refusal.Status);
        Assert.True(refusal.Field == "target" || refusal.Field == "query:_method");
    }

    public static TheoryData<string, string> Queries => new()
    {
        { "", "" },
        { "?", "" },
        { "?a=1", "a=1" },
        { "?a", "a" },
        { "?a=", "a=" },
        { "?=1", "=1" },
        { "?a=1&b=2", "a=1|b=2" },
        { "?b=2&a=1", "b=2|a=1" },
        { "?a=1&a=2", "a=1|a=2" },
        { "?a=1&&b=2&", "a=1|b=2" },
        { "?a=1;b=2", "a=1;b=2" },
        { "?a=b=c", "a=b=c" },
        { "?a+b=c+d", "a b=c d" },
        { "?a%2Bb=c%20d", "a+b=c d" },
        { "?q=100%25", "q=100%" },
        { "?next=%2Fhome%3Fx%3D%2526", "next=/home?x=%26" },
        { "?q=%C3%A9", "q=é" },
        { "?a=x?y", "a=x?y" },
        { "?path=../..", "path=../.." },
        { "?f={a:[1]}|`^", "f={a:[1]}|`^" },
        { "?method=DELETE", "method=DELETE" },
        { "?x_method=DELETE", "x_method=DELETE" },
        { "?_methods=1", "_methods=1" },
        { "?q=_method", "q=_method" },
    };

    [Theory]
    [MemberData(nameof(Queries))]
    public void A_query_has_these_parameters(string query, string parameters)
    {
        var request = Requests.Canonical("GET", "/orders" + query);
        Assert.Equal(parameters, string.Join('|', request.Query.Select(p => p.Value is null ? p.Name : $"{p.Name}={p.Value}")));
        Assert.Equal(query, request.RawQuery);
        Assert.Equal("/orders", request.RawPath);
    }

    [Theory]
    [InlineData("http://api.example.com/orders?x=1", "/orders?x=1")]
    [InlineData("HTTP://API.example.COM:80/orders", "/orders")]
    [InlineData("http://api.example.com", "/")]
    [InlineData("http://api.example.com?x=1", "/?x=1")]
    [InlineData("http://api.example.com/", "/")]
    public void An_absolute_target_names_the_host_again(string target, string forwarded)
    {
        var request = Requests.Canonical("GET", target);
        Assert.Equal(forwarded, request.RawTarget);
        Assert.Equal("api.example.com", request.Authority);
    }

    [Theory]
    [InlineData("http://other.example.com/orders", "authority-mismatch")]
    [InlineData("http://api.example.com:8080/orders", "authority-mismatch")]
    [InlineData("https://api.example.com/orders", "scheme-mismatch")]
    [InlineData("http://user@api.example.com/orders", "bad-authority")]
    [InlineData("http://api.example.com./orders", "bad-authority")]
    [InlineData("http:///orders", "bad-authority")]
    [InlineData("http://api.example.com//orders", "empty-segment")]
    [InlineData("http://api.example.com/../orders", "dot-segment")]
    public void An_absolute_target_that_differs_is_refused(string target, string code) =>
        Assert.Equal(code, Requests.RefusalCode(Requests.Raw("GET", target)));

    [Fact]
    public void A_target_may_have_8192_characters_and_no_more()
    {
        var longest = "/" + new string('a', RequestParser.MaxTargetLength - 1);
        Assert.Equal(longest, Requests.Canonical("GET", longest).RawTarget);
        Assert.False(RequestParser.Parse(Requests.Raw("GET", longest + "a")).TryGet(out _, out var refusal));
        Assert.Equal((414, "target-too-long"), (refusal.Status, refusal.Code));
    }
}
