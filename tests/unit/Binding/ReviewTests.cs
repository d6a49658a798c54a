using System.Text;
using System.Text.Json;
using JitGrains.Binding;
using JitGrains.UnitTests.Http;

namespace JitGrains.UnitTests.Binding;

public class ReviewTests
{
    private const string Secret = "4111-secret";

    private static string Compact(string? json) => JsonSerializer.Serialize(JsonDocument.Parse(json!).RootElement, Relaxed);

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static TheoryData<string, string, string> Masked => new()
    {
        // mask, body, shown
        { "body.card", "{'card':'4111-secret','n':1}", "{'card':'•••','n':1}" },
        { "body.card", "{'card':{'number':'4111-secret'}}", "{'card':'•••'}" },
        { "body.card", "{'card':['4111-secret','4111-secret']}", "{'card':'•••'}" },
        { "body.card", "{'card':4111}", "{'card':'•••'}" },
        { "body.card", "{'card':null}", "{'card':'•••'}" },
        { "body.card", "{'Card':'4111-secret','CARD':'4111-secret'}", "{'Card':'•••','CARD':'•••'}" },
        { "body.card", "{'\\u0063ard':'4111-secret'}", "{'card':'•••'}" },
        { "body.card", "{' card ':'4111-secret'}", "{' card ':'•••'}" },
        { "body.card", "{'a':{'card':'shown'}}", "{'a':{'card':'shown'}}" },
        { "body.card", "[{'card':'4111-secret'},{'card':'4111-secret'}]", "[{'card':'•••'},{'card':'•••'}]" },
        { "body.card", "'4111-secret'", "'•••'" },
        { "body.card", "['4111-secret']", "['•••']" },
        { "body.card.number", "{'card':{'number':'4111-secret','brand':'x'}}", "{'card':{'number':'•••','brand':'x'}}" },
        { "body.card.number", "{'card':'4111-secret'}", "{'card':'•••'}" },
        { "body.card.number", "{'card':['4111-secret',{'number':'4111-secret'}]}", "{'card':['•••',{'number':'•••'}]}" },
        { "body.card.number", "{'card.number':'4111-secret'}", "{'card.number':'•••'}" },
        { "body.card.number", "{'card[number]':'4111-secret'}", "{'card[number]':'•••'}" },
        { "body.card.number", "{'card':[[[{'number':'4111-secret'}]]]}", "{'card':[[[{'number':'•••'}]]]}" },
        { "body.*.secret", "{'a.b':{'secret':'4111-secret'}}", "{'a.b':{'secret':'•••'}}" },
        { "body.items[].secret", "{'items':[{'secret':'4111-secret','n':1},{'secret':'4111-secret'}]}", "{'items':[{'secret':'•••','n':1},{'secret':'•••'}]}" },
        { "body.items[].secret", "{'items':{'secret':'4111-secret'}}", "{'items':{'secret':'•••'}}" },
        { "body.items.secret", "{'items':[{'secret':'4111-secret'}]}", "{'items':[{'secret':'•••'}]}" },
        { "body[].secret", "[{'secret':'4111-secret'}]", "[{'secret':'•••'}]" },
        { "body.*", "{'a':'4111-secret','b':{'c':'4111-secret'}}", "{'a':'•••','b':'•••'}" },
        { "body.*.secret", "{'a':{'secret':'4111-secret'},'n':1}", "{'a':{'secret':'•••'},'n':1}" },
    };

    [Theory]
    [MemberData(nameof(Masked))]
    public void A_masked_value_is_not_shown(string mask, string body, string shown)
    {
        var review = Calls.ReviewJson(body.Replace('\'', '"'), mask);
        Assert.Equal(shown.Replace('\'', '"'), Compact(review.Body));
        Assert.False(review.BodyIncomplete);
        Assert.DoesNotContain(Secret, review.Body, StringComparison.Ordinal);
        Assert.Equal(shown.Contains('•', StringComparison.Ordinal) ? [mask] : [], review.Masked.AsEnumerable());
    }

    /// <summary>Bodies that a mask cannot be applied to for sure are not shown at all.</summary>
    [Theory]
    [InlineData("Content-Type: application/json", "{\"card\":\"x\",\"card\":\"4111-secret\"}")]
    [InlineData("Content-Type: application/json", "{\"card\":\"4111-secret\"")]
    [InlineData("Content-Type: application/json", "{\"card\":\"4111-secret\"}}")]
    [InlineData("Content-Type: application/json", "{\"card\":\"4111-secret\",\"x\":\"\\ud800\"}")]
    [InlineData("Content-Type: application/json; charset=utf-7", "{\"card\":\"4111-secret\"}")]
    [InlineData("Content-Type: text/plain", "{\"card\":\"4111-secret\"}")]
    [InlineData("X-None: x", "{\"card\":\"4111-secret\"}")]
    [InlineData("Content-Type: multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"card\"\r\n\r\n4111-secret\r\n--b--")]
    [InlineData("Content-Type: application/x-www-form-urlencoded", "c%zz=1&card=4111-secret")]
    [InlineData("Content-Type: application/xml", "<card>4111-secret</card>")]
    public void A_body_that_cannot_be_masked_for_sure_is_not_shown(string contentType, string body)
    {
        var review = Calls.Review(Calls.Post(headers: contentType), body, "body.card");
        Assert.Null(review.Body);
        Assert.True(review.BodyIncomplete);
        Assert.Equal(Encoding.UTF8.GetByteCount(body), review.BodyBytes);
        Assert.NotNull(Calls.Review(Calls.Post(headers: "X-A: 1"), body).Body);
    }

    [Theory]
    [InlineData("card=4111-secret&n=1", "card=•••&n=1")]
    [InlineData("n=1&CARD=4111-secret", "n=1&CARD=•••")]
    [InlineData("c%61rd=4111-secret", "c%61rd=•••")]
    [InlineData("+card+=4111-secret", "+card+=•••")]
    [InlineData("card[]=4111-secret&card[0]=4111-secret", "card[]=•••&card[0]=•••")]
    [InlineData("card%5Bnumber%5D=4111-secret", "card%5Bnumber%5D=•••")]
    [InlineData("card.number=4111-secret", "card.number=•••")]
    [InlineData("n=1;card=4111-secret", "n=1;card=•••")]
    [InlineData("card=x;4111-secret&n=1", "card=•••&n=1")]
    [InlineData("card=x=4111-secret", "card=•••")]
    [InlineData("a[card]=shown", "a[card]=shown")]
    public void Forms_and_queries_are_masked_by_name(string pairs, string shown)
    {
        var form = Calls.Review(Calls.Post(headers: "Content-Type: application/x-www-form-urlencoded"), pairs, "body.card");
        Assert.Equal(shown, form.Body);
        Assert.False(form.BodyIncomplete);
        var query = Calls.Review(Calls.Post("/orders/42/refunds?" + pairs), "", "query.card");
        Assert.Equal("/orders/42/refunds?" + shown, query.Target);
    }

    [Fact]
    public void A_whole_part_can_be_masked()
    {
        var review = Calls.Review(Calls.Post("/orders/42/refunds?a=1"), "any \0 thing", "body", "query");
        Assert.Equal(("•••", false, "/orders/42/refunds?•••"), (review.Body, review.BodyIncomplete, review.Target));
        Assert.Equal(["body", "query"], review.Masked.AsEnumerable());
        Assert.Equal("/orders/42/refunds", Calls.Review(Calls.Post(), "", "query").Target);
    }

    [Fact]
    public void Headers_are_shown_as_bound_and_secrets_masked_whatever_policy_says()
    {
        var request = Calls.Post("/orders/42/refunds", "X-Key: k1", "Cookie: sid=4111-secret", "X-Api-Key: 4111-secret",
            "X_Api_Key: 4111-secret", "Accept: */*", "User-Agent: u", "Authorization: Bearer 4111-secret", "X-Vault-Token: 4111-secret");
        var review = ReviewBuilder.Build(request, default, Calls.Api with { ForwardAuthorization = true }, Calls.Action("header.x-key"));
        Assert.Equal(
            ["accept=*/*", "cookie=•••", "x-api-key=•••", "x-key=•••", "x-vault-token=•••", "x_api_key=•••"],
            review.Headers.Select(h => $"{h.Name}={h.Value}"));
        Assert.Equal(["header.cookie", "header.x-api-key", "header.x-key", "header.x-vault-token", "header.x_api_key"], review.Masked.AsEnumerable());
        Assert.All(Calls.Review(request, "", "header.*").Headers, h => Assert.Equal("•••", h.Value));
    }

    [Fact]
    public void A_long_header_value_says_how_much_more_there_is()
    {
        var review = Calls.Review(Calls.Post(headers: "X-Long: " + new string('a', ReviewBuilder.MaxHeaderValue + 5)), "");
        Assert.Equal(new string('a', ReviewBuilder.MaxHeaderValue) + "… (5 more)", review.Headers.Single().Value);
    }

    [Theory]
    [InlineData("text/plain", "plain", "plain", false)]
    [InlineData("text/plain", "", null, false)]
    [InlineData("text/plain", "a\u202eb\u0007\u001b[31m\rc\r\nd\te", "a\\u202Eb\\u0007\\u001B[31m\\u000Dc\r\nd\te", false)]
    [InlineData("text/plain", "a\0b", null, true)]
    [InlineData("text/plain; charset=utf-16", "ab", null, true)]
    [InlineData("text/plain; charset=\"iso-8859-1\"", "ab", null, true)]
    [InlineData("text/plain; charset=utf-8; charset=utf-16", "ab", null, true)]
    [InlineData("text/plain; CharSet=UTF-8", "ab", "ab", false)]
    [InlineData("application/json", "{\"a\":\"\u202e\u200b\u00a0\ue000\u3164ü😀\u2028\"}", "{\n  \"a\": \"\\u202E\\u200B\\u00A0\\uE000\\u3164ü\\uD83D\\uDE00\\u2028\"\n}", false)]
    [InlineData("application/json", "{\"\\u202ea\":\"\\u0007\"}", "{\n  \"\\u202Ea\": \"\\u0007\"\n}", false)]
    [InlineData("application/json", "{\"amount\":1.10,\"id\":12345678901234567890123}", "{\n  \"amount\": 1.10,\n  \"id\": 12345678901234567890123\n}", false)]
    [InlineData("application/json", "{broken", "{broken", false)]
    public void A_body_is_shown_as_text_that_cannot_mislead(string contentType, string body, string? shown, bool incomplete)
    {
        var review = Calls.Review(Calls.Post(headers: "Content-Type: " + contentType), body);
        Assert.Equal(shown?.ReplaceLineEndings("\n"), review.Body?.ReplaceLineEndings("\n"));
        Assert.Equal(incomplete, review.BodyIncomplete);
    }

    [Fact]
    public void Binary_and_encoded_bodies_are_not_shown()
    {
        var binary = ReviewBuilder.Build(Calls.Post(), new byte[] { 1, 0xff, 2 }, Calls.Api, Calls.Action());
        Assert.Equal((null, true, 3L), (binary.Body, binary.BodyIncomplete, binary.BodyBytes));
        Assert.True(Calls.Review(Calls.Post(headers: "Content-Encoding: gzip"), "text").BodyIncomplete);
    }

    [Fact]
    public void A_long_body_is_cut_and_says_so()
    {
        var fits = new string('x', ReviewBuilder.MaxBody);
        Assert.False(Calls.Review(Calls.Post(), fits).BodyIncomplete);
        var cut = Calls.Review(Calls.Post(), fits[1..] + "😀");
        Assert.True(cut.BodyIncomplete);
        Assert.Equal(fits[1..], cut.Body);
    }

    [Theory]
    [InlineData("body.a.b", true)]
    [InlineData("body.items[].secret", true)]
    [InlineData("body[].x", true)]
    [InlineData("body[][].x[][]", true)]
    [InlineData("body.*", true)]
    [InlineData("body", true)]
    [InlineData("query.token", true)]
    [InlineData("header.x-key", true)]
    [InlineData("path.order", false)]
    [InlineData("", false)]
    [InlineData("body.", false)]
    [InlineData("body..a", false)]
    [InlineData("body.a[0]", false)]
    [InlineData("body.a*", false)]
    [InlineData("query[].a", false)]
    [InlineData("header", false)]
    [InlineData("header.x.y", false)]
    public void A_mask_is_read_or_has_a_problem(string text, bool read)
    {
        Assert.Equal(read, FieldMask.TryParse(text, out _, out var problem));
        Assert.Equal(read, problem is null);
    }

    [Fact]
    public void The_review_digest_covers_all_of_the_ask_and_needs_the_key()
    {
        var ask = Calls.Ask();
        var digest = ReviewDigest.Compute(Calls.Key, ask);
        Assert.StartsWith("hmac-sha256;jit-review-1;", digest, StringComparison.Ordinal);
        Assert.Equal(digest, ReviewDigest.Compute(Calls.Key, Calls.Ask()));
        var others = new[]
        {
            ReviewDigest.Compute([.. Calls.Key.Reverse()], ask),
            ReviewDigest.Compute(Calls.Key, ask with { Reason = "another" }),
            ReviewDigest.Compute(Calls.Key, ask with { Uses = null }),
            ReviewDigest.Compute(Calls.Key, ask with { Window = TimeSpan.FromHours(1) }),
            ReviewDigest.Compute(Calls.Key, ask with { PayloadDigest = "x" }),
            ReviewDigest.Compute(Calls.Key, ask with { Actors = [new("dev:agent:bot")] }),
            ReviewDigest.Compute(Calls.Key, ask with { Terms = ask.Terms with { Rule = "other" } }),
            ReviewDigest.Compute(Calls.Key, ask with { Payload = ask.Payload! with { Body = "hullo" } }),
            ReviewDigest.Compute(Calls.Key, ask with { RecentlyExecuted = true }),
            ReviewDigest.Compute(Calls.Key, ask with { DecideBy = DateTimeOffset.UnixEpoch }),
        };
        Assert.DoesNotContain(digest, others);
        Assert.Equal(others.Length, others.Distinct().Count());
    }

    [Fact]
    public void Masked_values_do_not_show_in_anything_that_is_not_keyed()
    {
        var request = Calls.Post(headers: "Content-Type: application/json");
        var reviews = new[] { "1", "2" }.Select(n => JsonSerializer.Serialize(Calls.Review(request, $"{{\"card\":\"{n}\"}}", "body.card"))).ToArray();
        Assert.Equal(reviews[0], reviews[1]);
        // The keyed digest tells them apart, and does so only for whoever has the key.
        Assert.NotEqual(Calls.Digest(request, "{\"card\":\"1\"}"), Calls.Digest(request, "{\"card\":\"2\"}"));
        Assert.NotEqual(Calls.Digest(request, "{\"card\":\"1\"}"), Calls.Digest(request, "{\"card\":\"1\"}", key: new byte[32]));
    }
}
