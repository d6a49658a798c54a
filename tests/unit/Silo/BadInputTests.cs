using JitGrains.TestSupport;

namespace JitGrains.UnitTests.Silo;

/// <summary>What must be refused, as data; none of it changes anything or shows a stack trace.</summary>
public sealed class BadInputTests(BadInputTests.Shared shared) : IClassFixture<BadInputTests.Shared>
{
    private const string Id = "rq_00000000000000000000000001";
    private const string Votes = "/api/v1/requests/" + Id + "/votes";

    public static TheoryData<string, string, string?, int, string?> Cases()
    {
        var big = new string('x', 70_000);
        return new()
        {
            { "GET", "/api/v1/requests?status=open", null, 400, "status" },
            { "GET", "/api/v1/requests?status=Pending", null, 400, "status" },
            { "GET", "/api/v1/requests?status=0", null, 400, "status" },
            { "GET", "/api/v1/requests?status=pending&status=denied", null, 400, "status" },
            { "GET", "/api/v1/requests?principal=alice", null, 400, "principal" },
            { "GET", "/api/v1/requests?principal=dev:user:a%E2%80%AEb", null, 400, "principal" },
            { "GET", "/api/v1/requests?action=%00", null, 400, "action" },
            { "GET", "/api/v1/requests?cursor=nonsense", null, 400, "cursor" },
            { "GET", "/api/v1/requests?cursor=" + new string('a', 600), null, 400, "cursor" },
            { "GET", "/api/v1/requests?limit=0", null, 400, "limit" },
            { "GET", "/api/v1/requests?limit=-1", null, 400, "limit" },
            { "GET", "/api/v1/requests?limit=201", null, 400, "limit" },
            { "GET", "/api/v1/requests?limit=1e2", null, 400, "limit" },
            { "GET", "/api/v1/requests?colour=red", null, 400, "colour" },
            { "GET", "/api/v1/requests?status=", null, 200, null },
            { "GET", "/api/v1/requests/rq_1", null, 400, "id" },
            { "GET", "/api/v1/requests/rq_0000000000000000000000000U", null, 400, "id" },
            { "GET", "/api/v1/requests/..%2f..%2fetc", null, 400, "id" },
            { "GET", "/api/v1/grants?status=pending", null, 400, "status" },
            { "DELETE", "/api/v1/grants/" + Id, null, 400, "id" },
            { "DELETE", "/api/v1/grants/gr_00000000000000000000000099", null, 404, null },
            { "DELETE", "/api/v1/grants/gr_00000000000000000000000099", """{"why":"x"}""", 400, "why" },
            { "POST", "/api/v1/principals/alice/revoke", "{}", 400, "id" },
            { "POST", "/api/v1/principals/dev:user:a%5Eb/revoke", "{}", 400, "id" },
            { "POST", Votes, null, 400, "body" },
            { "POST", Votes, "", 400, "body" },
            { "POST", Votes, "[]", 400, "body" },
            { "POST", Votes, "{", 400, "body" },
            { "POST", Votes, "null", 400, "body" },
            { "POST", Votes, """{"digest":"x"}""", 400, "decision" },
            { "POST", Votes, """{"decision":"approve"}""", 400, "digest" },
            { "POST", Votes, """{"decision":"Approve","digest":"x"}""", 400, "decision" },
            { "POST", Votes, """{"decision":1,"digest":"x"}""", 400, "decision" },
            { "POST", Votes, """{"decision":null,"digest":"x"}""", 400, "decision" },
            { "POST", Votes, """{"decision":"approve","digest":""}""", 400, "digest" },
            { "POST", Votes, """{"decision":"approve","digest":7}""", 400, "digest" },
            { "POST", Votes, """{"decision":"approve","digest":"x","decision":"deny"}""", 400, "decision" },
            { "POST", Votes, """{"decision":"approve","digest":"x","Comment":"y"}""", 400, "Comment" },
            { "POST", Votes, """{"decision":"approve","digest":"x","comment":5}""", 400, "comment" },
            { "POST", Votes, """{"decision":"approve","digest":"x","comment":"a\u202eb"}""", 400, "comment" },
            { "POST", Votes, """{"decision":"approve","digest":"x","comment":"a\u0000b"}""", 400, "comment" },
            { "POST", Votes, """{"decision":"approve","digest":"x","comment":"\ud800"}""", 400, "comment" },
            { "POST", Votes, $$"""{"decision":"approve","digest":"x","comment":"{{new string('c', 501)}}"}""", 400, "comment" },
            { "POST", Votes, $$"""{"decision":"approve","digest":"x","a\u202eb":1}""", 400, "body" },
            { "POST", Votes, $$"""{"decision":"approve","digest":"{{big}}"}""", 413, null },
            { "POST", Votes, new string('[', 1000), 400, "body" },
            { "GET", "/api/v1/audit?request=42", null, 400, "request" },
            { "GET", "/api/v1/audit?from=yesterday", null, 400, "from" },
            { "GET", "/api/v1/audit?cursor=x", null, 400, "cursor" },
            { "GET", "/api/v1/audit/verify?head_sequence=5", null, 400, "head_hash" },
            { "GET", "/api/v1/audit/verify?head_hash=x", null, 400, "head_sequence" },
            { "GET", "/api/v1/audit/verify?head_sequence=0&head_hash=x", null, 400, "head_sequence" },
            { "GET", "/api/v1/audit/verify?source=request/none", null, 404, null },
            { "GET", "/api/v1/policy?x=1", null, 400, "x" },
            { "GET", "/api/v1/explain/42", null, 400, "id" },
            { "GET", "/api/v1/explain/gr_00000000000000000000000099", null, 404, null },
            { "POST", "/api/v1/explain", """{"url":"http://x/","principal":"dev:user:a"}""", 400, "method" },
            { "POST", "/api/v1/explain", """{"method":"G T","url":"http://x/","principal":"dev:user:a"}""", 400, "method" },
            { "POST", "/api/v1/explain", """{"method":"GET","url":"/orders","principal":"dev:user:a"}""", 400, "url" },
            { "POST", "/api/v1/explain", """{"method":"GET","url":"http://x/","principal":"a"}""", 400, "principal" },
            { "POST", "/api/v1/explain", """{"method":"GET","url":"http://x/","principal":"dev:user:a","groups":["managers"]}""", 400, "groups" },
            { "POST", "/api/v1/explain", """{"method":"GET","url":"http://x/","principal":"dev:user:a","groups":"dev:managers"}""", 400, "groups" },
            { "GET", "/api/v1/nothing", null, 404, null },
            { "GET", "/", null, 404, null },
            { "PATCH", "/api/v1/requests", null, 405, null },
            { "PUT", Votes, "{}", 405, null },
        };
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Bad_input_gets_a_problem_that_names_the_field(string method, string path, string? body, int status, string? field)
    {
        var answer = await shared.Host.As("olga", method, path, body);
        Assert.Equal((status, field), (answer.Status, answer.Field));
        if (status >= 400)
            Assert.NotNull(answer.Problem);
        Assert.DoesNotContain("   at ", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", answer.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/jsonx")]
    public async Task Another_media_type_is_415(string type) =>
        Assert.Equal(415, (await shared.Host.Send(shared.Host.Token("olga"), "POST", Votes, "{}", type)).Status);

    public sealed class Shared : IAsyncLifetime
    {
        internal SiloHost Host { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Host = await SiloHost.StartAsync();
            await Host.Raise(Sample.Ask());
        }

        public async Task DisposeAsync()
        {
            var view = await Host.As("olga", "GET", $"/api/v1/requests/{Id}");
            Assert.Equal("pending", view.Json!["request"]!["status"]!.GetValue<string>());
            await Host.DisposeAsync();
        }
    }
}
