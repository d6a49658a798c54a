using System.Collections.Immutable;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using JitGrains.Binding;
using JitGrains.Http;
using JitGrains.UnitTests.Binding;

namespace JitGrains.UnitTests.Http;

/// <summary>What must hold for any request at all.</summary>
public class RequestProperties
{
    /// <summary>Pieces that hostile targets are made of.</summary>
    private static readonly string[] Pieces =
    [
        "/", "//", ".", "..", "...", ";", ";x=1", "%2e", "%2E", "%252e", "%2f", "%2F", "%252F", "%5c", "\\", "%", "%2", "%00", "%0a", "%25",
        "%3B", "%3f", "%23", "%C0%AE", "%EF%BC%8E", "%EF%BC%8F", "%E2%80%A5", "orders", "ORDERS", "%6frders", "42", "refunds", "?", "&", "=", "#",
        " ", "\t", "\0", "é", "http://api.example.com", "*", "_method", "@", ":", "+", "a", "\ud800", "%ED%A0%80", "%F0%9F%98%80", "[", "{", "|",
    ];

    private static readonly Gen<string> HostileTarget =
        Gen.Choose(0, 12).SelectMany(n => Gen.Elements(Pieces).ArrayOf(n)).Select(p => "/" + string.Concat(p));

    private static Config Runs(int count) => Config.QuickThrowOnFailure.WithMaxTest(count);

    [Fact]
    public void Parsing_never_throws_whatever_comes()
    {
        var any = ArbMap.Default.ArbFor<string>();
        Prop.ForAll(any, any, any, (method, target, value) =>
        {
            var raw = Requests.Raw(method ?? "", target ?? "") with { Protocol = "HTTP/1.1" };
            foreach (var name in new[] { "X-A", "Jit-Reason", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Host", target ?? "" })
                _ = RequestParser.Parse(raw with { Headers = raw.Headers.Add(new HeaderLine(name, value ?? "")) });
            _ = RequestParser.Parse(raw with { Headers = [new HeaderLine("Host", value ?? "")], Method = "GET", Target = "/" });
            _ = RequestParser.Parse(raw with { Method = "GET", Target = "/" + target });
        }).Check(Runs(1000));
    }

    [Fact]
    public void What_is_accepted_is_forwarded_as_it_came_and_cannot_be_read_as_another_path() =>
        Prop.ForAll(Arb.From(HostileTarget), target =>
        {
            if (!RequestParser.Parse(Requests.Raw("GET", target)).TryGet(out var request, out _))
                return;
            Assert.Equal(target, request.RawTarget);
            Assert.Equal(target.Split('?')[0], "/" + string.Join('/', request.Segments.Select(s => s.Raw)));
            Assert.DoesNotContain(request.LooseSegments, s => s.Length == 0 || s.Trim('.', ' ').Length == 0 || s.Any(c => c is '/' or '\\' or ';' or '?' or '#' || char.IsControl(c)));
            Assert.All(request.LooseSegments, s => Assert.Equal(s, LooseForm.OfLiteral(s)));

            // A second reader that decodes and resolves dots again comes to the same path.
            var reread = new Uri("http://api.example.com" + request.RawPath, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = false });
            if (!request.Segments.Any(s => s.HasEncodedSlashOrPercent))
                Assert.Equal(request.Segments.Select(s => s.Decoded), request.Segments.Length == 0 ? [] : reread.AbsolutePath[1..].Split('/').Select(Uri.UnescapeDataString));
        }).Check(Runs(20_000));

    [Fact]
    public void A_call_has_the_same_canonical_form_whenever_it_is_read() =>
        Prop.ForAll(Arb.From(HostileTarget), target =>
        {
            var one = RequestParser.Parse(Requests.Raw("POST", target, "X-A: 1"));
            var two = RequestParser.Parse(Requests.Raw("POST", target, "X-A: 1"));
            if (!one.TryGet(out var first, out var refusal))
            {
                Assert.False(two.TryGet(out _, out var again));
                Assert.Equal(refusal, again);
            }
            else
            {
                Assert.True(two.TryGet(out var second, out _));
                Assert.Equal(Calls.Digest(first), Calls.Digest(second));
            }
        }).Check(Runs(1000));

    [Fact]
    public void Two_calls_have_one_digest_only_if_all_that_is_bound_is_equal()
    {
        var part = Gen.Elements("", "a", "b", "ab", "1", "x-a", "/a", "?a");
        var name = Gen.Elements("x-a", "x-b", "x-ab", "user-agent", "x-forwarded-for", "jit-reason");
        var line = name.SelectMany(n => part.Select(v => new HeaderLine(n, v)));
        var call = Gen.Choose(0, 4).SelectMany(n => line.ArrayOf(n)).SelectMany(headers =>
            part.SelectMany(path => part.SelectMany(query => part.Select(body => (Headers: headers, Path: "/" + path, Query: query, Body: body)))));
        var seen = new Dictionary<string, string>();
        Prop.ForAll(Arb.From(call), c =>
        {
            var request = Calls.Post() with { RawPath = c.Path, RawQuery = c.Query, Headers = [.. c.Headers] };
            var bound = c.Headers.Where(h => h.Name.StartsWith("x-a", StringComparison.Ordinal) || h.Name == "x-b").OrderBy(h => h.Name, StringComparer.Ordinal);
            // JSON is a form of all that is bound in which nothing can move either.
            var form = System.Text.Json.JsonSerializer.Serialize(new { c.Path, c.Query, c.Body, Headers = bound.Select(h => new[] { h.Name, h.Value }) });
            var digest = Calls.Digest(request, c.Body);
            Assert.Equal(form, seen.GetValueOrDefault(digest, form));
            seen[digest] = form;
            Assert.Equal(digest, seen.First(s => s.Value == form).Key);
        }).Check(Runs(2000));
    }

    [Fact]
    public void A_masked_value_shows_nowhere_whatever_surrounds_it()
    {
        const string secret = "S3CRET";
        var name = Gen.Elements("card", "Card", "x", "items", "a.b", "card[number]", "\u202e");
        var leaf = Gen.Elements("1", "null", "\"text\"", "true", "[]", "{}");
        Gen<string> Value(int depth) => depth == 0
            ? leaf
            : Gen.OneOf(
                leaf,
                Value(depth - 1).ArrayOf(2).Select(v => $"[{string.Join(',', v)}]"),
                name.SelectMany(n => Value(depth - 1).Select(v => $"{{\"{n}\":{v},\"card_no\":\"{secret}\"}}")));
        Prop.ForAll(Arb.From(Value(4)), json =>
        {
            var review = Calls.ReviewJson($"{{\"card_no\":\"{secret}\",\"rest\":{json}}}", "body.card_no", "body.rest.card_no", "body.rest.*.card_no", "body.rest.*.*.card_no", "body.rest.*.*.*.card_no");
            Assert.DoesNotContain(secret, System.Text.Json.JsonSerializer.Serialize(review), StringComparison.Ordinal);
        }).Check(Runs(500));
    }

    [Fact]
    public void Shown_text_has_no_character_that_misleads() =>
        Prop.ForAll<string>(text =>
        {
            var shown = DisplayText.Escape(text ?? "");
            Assert.True(JitGrains.Identity.SafeText.IsSafeSentence(shown), shown);
            Assert.True(DisplayText.Shorten(text ?? "", 10).Length <= 11);
            Encoding.UTF8.GetBytes(shown);
        }).Check(Runs(2000));
}
