using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Cli;
using JitGrains.Wire;

namespace JitGrains.UnitTests.Cli;

public sealed class VoteTests
{
    private const string Get = "GET /api/v1/requests/" + Samples.RequestId;
    private const string Vote = "POST /api/v1/requests/" + Samples.RequestId + "/votes";

    [Theory]
    [InlineData("show")]
    [InlineData("request show")]
    public async Task Show_has_everything_an_approver_needs(string command)
    {
        await using var server = (await WireServer.StartAsync()).On(Get, 200, Samples.Details(Samples.Request with { RecentlyExecuted = true, Excluded = [new JitGrains.Identity.PrincipalId("dev:user:dave")] }));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run([.. command.Split(' '), Samples.RequestId]));
        foreach (var needed in new[]
        {
            "dev:user:alice", "dev:user:dave", "orders.refund of orders (write, high)", "order=42", "Refund 25 EUR", "\"customer complaint\"", "T-7",
            "one use within 10m of the approval, for exactly this call", "refunds-need-a-manager (policy sha256-0123456789abcdef)",
            "2030-01-01T11:57:00Z (3m ago)", "2030-01-01T12:57:00Z (in 57m)", "an identical call ran", "managers: 1 of 2 from dev:managers",
            "dev:user:carol approves at 2030-01-01T11:59:00Z: fine", "| POST /orders/42/refunds", "| authority: 127.0.0.1:8080",
            "| content-type: application/json", """| {"amount":25,"card":"***"}""", "(40 bytes)", "Masked: body.card", Samples.Digest,
            "rq_earlier  approved  2029-12-31T12:00:00+00:00  dev:user:alice  order=42  \"the first half\"", "ex_1  completed  HTTP 201",
        })
        {
            Assert.Contains(needed, jit.Out, StringComparison.Ordinal);
        }
    }

    public static TheoryData<ReviewPayload?, string> Parts => new()
    {
        { null, "Asked ahead" },
        { new ReviewPayload { Method = "POST", Authority = "h", Target = "/", Body = "{\"a\":", BodyBytes = 9000, BodyIncomplete = true }, "9000 bytes, NOT SHOWN WHOLE" },
        { new ReviewPayload { Method = "POST", Authority = "h", Target = "/", BodyBytes = 12, BodyIncomplete = true }, "12 bytes and NOT SHOWN" },
    };

    [Theory]
    [MemberData(nameof(Parts))]
    public async Task What_cannot_be_seen_in_full_says_so(ReviewPayload? payload, string expected)
    {
        await using var server = (await WireServer.StartAsync()).On(Get, 200, Samples.Details(Samples.Request with { Payload = payload }));
        using var jit = new JitRun().Against(server);
        await jit.Run("show", Samples.RequestId);
        Assert.Contains(expected, jit.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("approve", "approve")]
    [InlineData("deny", "deny")]
    public async Task A_vote_shows_the_request_and_sends_the_digest_seen(string command, string decision)
    {
        var after = Samples.Request with { Status = RequestStatus.Approved, GrantId = Samples.GrantId };
        await using var server = (await WireServer.StartAsync())
            .On(Get, 200, Samples.Details(Samples.Request))
            .On(Vote, 200, Samples.Json(after));
        using var jit = new JitRun().Against(server);

        Assert.Equal(ExitCodes.Ok, await jit.Run(command, Samples.RequestId, "--comment", "looked at it"));

        Assert.Contains("Refund 25 EUR of order 42", jit.Out, StringComparison.Ordinal);
        using var sent = JsonDocument.Parse(server.Requests.Last().Body);
        Assert.Equal(decision, sent.RootElement.GetProperty("decision").GetString());
        Assert.Equal("looked at it", sent.RootElement.GetProperty("comment").GetString());
        Assert.Equal(Samples.Digest, sent.RootElement.GetProperty("digest").GetString());
    }

    public static TheoryData<string, RequestStatus, int, string> Outcomes => new()
    {
        { "approve", RequestStatus.Approved, 2, "Approved: dev:user:alice may now run it (gr_" },
        { "approve", RequestStatus.Pending, 1, "Your vote counts; 1/2 so far." },
        { "approve", RequestStatus.Pending, 2, "Approved: the grant is being made." },
        { "deny", RequestStatus.Denied, 1, "Denied." },
        { "approve", RequestStatus.Failed, 2, "The request is failed." },
    };

    [Theory]
    [MemberData(nameof(Outcomes))]
    public async Task The_outcome_is_said(string command, RequestStatus status, int approvals, string expected)
    {
        var after = Samples.Request with
        {
            Status = status,
            GrantId = status == RequestStatus.Approved ? Samples.GrantId : null,
            Stages = [Samples.Request.Stages[0] with { Approvals = approvals }],
        };
        await using var server = (await WireServer.StartAsync()).On(Get, 200, Samples.Details(Samples.Request)).On(Vote, 200, Samples.Json(after));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run(command, Samples.RequestId));
        Assert.StartsWith(expected, jit.OutLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_changed_meanwhile_says_to_look_again()
    {
        await using var server = (await WireServer.StartAsync())
            .On(Get, 200, Samples.Details(Samples.Request))
            .OnProblem(Vote, 409, "digest-mismatch", "Digest mismatch", "The request is not what you saw.", "digest");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("approve", Samples.RequestId));
        Assert.Contains("The request is not what you saw.", jit.Error, StringComparison.Ordinal);
        Assert.Contains($"look again with `jit show {Samples.RequestId}`", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_digest_noted_earlier_must_still_be_the_requests()
    {
        await using var server = (await WireServer.StartAsync()).On(Get, 200, Samples.Details(Samples.Request)).On(Vote, 200, Samples.Json(Samples.Request));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("approve", Samples.RequestId, "--digest", "hmac-sha256;jit-review-1;other"));
        Assert.Single(server.Requests);
        Assert.Equal(ExitCodes.Ok, await jit.Run("approve", Samples.RequestId, "--digest", Samples.Digest));
    }

    [Theory]
    [InlineData("y\n", true)]
    [InlineData("yes\n", true)]
    [InlineData("n\n", false)]
    [InlineData("\n", false)]
    [InlineData("", false)]
    public async Task On_a_terminal_one_is_asked_first(string answer, bool votes)
    {
        await using var server = (await WireServer.StartAsync()).On(Get, 200, Samples.Details(Samples.Request)).On(Vote, 200, Samples.Json(Samples.Request));
        using var jit = new JitRun { Terminal = true, Input = answer }.Against(server);
        Assert.Equal(votes ? ExitCodes.Ok : ExitCodes.Refused, await jit.Run("approve", Samples.RequestId));
        Assert.Equal(votes ? 2 : 1, server.Requests.Count);
        Assert.True(jit.Out.IndexOf("Refund 25 EUR", StringComparison.Ordinal) < jit.Out.IndexOf("[y/N]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Yes_asks_nothing()
    {
        await using var server = (await WireServer.StartAsync()).On(Get, 200, Samples.Details(Samples.Request)).On(Vote, 200, Samples.Json(Samples.Request));
        using var jit = new JitRun { Terminal = true }.Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("approve", "--yes", Samples.RequestId));
        Assert.DoesNotContain("[y/N]", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_is_the_answer_alone()
    {
        await using var server = (await WireServer.StartAsync()).On(Get, 200, Samples.Details(Samples.Request)).On(Vote, 200, """{"id":"x","later":true}""");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("approve", Samples.RequestId, "--json"));
        using var json = JsonDocument.Parse(jit.Out);
        Assert.True(json.RootElement.GetProperty("later").GetBoolean());
    }
}
