using System.Text.Json;
using JitGrains.Cli;
using JitGrains.Grants;
using JitGrains.Identity;

namespace JitGrains.UnitTests.Cli;

/// <summary>Commands of callers and operators: asking ahead, grants, revocation, audit.</summary>
public sealed class CallerCommandTests
{
    private const string Ask = "POST /.jit/requests";
    private const string Poll = "GET /.jit/requests/" + Samples.RequestId;

    [Fact]
    public async Task A_request_sends_what_the_line_says()
    {
        await using var server = (await WireServer.StartAsync()).On(Ask, 201, Samples.Task("pending"));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("request", "orders.delete", "--for", "10m", "--reason", "clean up & go", "--ticket", "T-7", "--resource", "order=4 2", "--resource", "item=a=b"));
        using var sent = JsonDocument.Parse(Assert.Single(server.Requests).Body);
        Assert.Equal(
            """{"action":"orders.delete","resource":{"order":"4 2","item":"a=b"},"reason":"clean up & go","ticket":"T-7","duration_seconds":600}""",
            sent.RootElement.GetRawText());
        Assert.Contains($"Approval request {Samples.RequestId}: pending", jit.Out, StringComparison.Ordinal);
        Assert.Contains($"jit approve {Samples.RequestId}", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Uses_alone_leave_the_rest_to_policy()
    {
        await using var server = (await WireServer.StartAsync()).On(Ask, 201, Samples.Task("pending"));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("request", "orders.delete", "--uses", "3", "--reason", "r"));
        Assert.Equal("""{"action":"orders.delete","reason":"r","uses":3}""", Assert.Single(server.Requests).Body);
    }

    [Theory]
    [InlineData("approved", ExitCodes.Ok)]
    [InlineData("denied", ExitCodes.Refused)]
    [InlineData("expired", ExitCodes.Refused)]
    [InlineData("cancelled", ExitCodes.Refused)]
    [InlineData("failed", ExitCodes.Refused)]
    public async Task Waiting_ends_with_the_decision(string status, int code)
    {
        await using var server = (await WireServer.StartAsync())
            .On(Ask, 201, Samples.Task("pending"))
            .On(Poll, 200, Samples.Task(status, status == "approved" ? new { id = Samples.GrantId, uses_left = 3 } : null));
        using var jit = new JitRun().Against(server);
        Assert.Equal(code, await jit.Run("request", "orders.delete", "--reason", "r", "--wait", "2m"));
        Assert.Equal("wait=50", server.Requests.Last().Headers["Prefer"]);
        Assert.Contains($": {status}", jit.Out, StringComparison.Ordinal);
        Assert.Equal(status == "approved", jit.Out.Contains(Samples.GrantId, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_refused_ask_is_shown()
    {
        await using var server = (await WireServer.StartAsync()).OnProblem(Ask, 403, "denied", "Denied", "No rule lets dev:user:alice do orders.purge.");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("request", "orders.purge", "--reason", "r"));
        Assert.Contains("No rule lets", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cancel_goes_to_the_gateway_and_as_operator_to_the_control_plane()
    {
        await using var gateway = (await WireServer.StartAsync()).On($"DELETE /.jit/requests/{Samples.RequestId}", 200, Samples.Task("cancelled"));
        await using var control = (await WireServer.StartAsync()).On($"DELETE /api/v1/requests/{Samples.RequestId}", 204, "");
        using var jit = new JitRun().Against(gateway);
        jit.Environment["JIT_CONTROL"] = control.Address;
        Assert.Equal(ExitCodes.Ok, await jit.Run("cancel", Samples.RequestId));
        Assert.Equal($"{Samples.RequestId} is cancelled.", jit.OutLines[0]);
        Assert.Equal(ExitCodes.Ok, await jit.Run("cancel", Samples.RequestId, "--operator"));
        Assert.Single(gateway.Requests);
        Assert.Single(control.Requests);
    }

    [Fact]
    public async Task Grants_are_ones_own_or_everybodys()
    {
        var ended = Samples.Grant with { Status = GrantStatus.Revoked, EndedBy = new PrincipalId("dev:user:bob"), Binding = BindingKind.Resource, Resource = "order=42", UsesLeft = 2 };
        await using var gateway = (await WireServer.StartAsync()).On("GET /.jit/grants", 200, Samples.List(null, Samples.Grant));
        await using var control = (await WireServer.StartAsync())
            .On("GET /api/v1/grants?limit=100&status=active", 200, Samples.List(null, Samples.Grant))
            .On("GET /api/v1/grants?limit=100&principal=dev%3Auser%3Aalice&action=orders.delete", 200, Samples.List(null, ended));
        using var jit = new JitRun().Against(gateway);
        jit.Environment["JIT_CONTROL"] = control.Address;
        var own = $"{Samples.GrantId}\tactive\tdev:user:alice\torders.delete\tany\tany\t10m\tdeletes";

        Assert.Equal(ExitCodes.Ok, await jit.Run("grants"));
        Assert.Equal(own, jit.OutLines[1]);
        Assert.Equal(ExitCodes.Ok, await jit.Run("grants", "--all"));
        Assert.Equal(own, jit.OutLines[1]);
        Assert.Equal(ExitCodes.Ok, await jit.Run("grants", "--all", "--status", "any", "--principal", "dev:user:alice", "--action", "orders.delete"));
        Assert.Equal($"{Samples.GrantId}\trevoked by dev:user:bob\tdev:user:alice\torders.delete\torder=42\t2\t-\tdeletes", jit.OutLines[1]);
    }

    [Fact]
    public async Task Release_gives_a_grant_back()
    {
        await using var server = (await WireServer.StartAsync()).On($"DELETE /.jit/grants/{Samples.GrantId}", 204, "");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("release", Samples.GrantId));
        Assert.Contains("is released", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revoke_reports_what_the_gateways_did()
    {
        await using var server = (await WireServer.StartAsync()).On(
            $"DELETE /api/v1/grants/{Samples.GrantId}", 200, $$"""{"grant_ids":["{{Samples.GrantId}}"],"gateways_acknowledged":2,"gateways_condemned":1,"milliseconds":5250.25}""");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("revoke", Samples.GrantId, "--reason", "left the team"));
        Assert.Equal("""{"reason":"left the team"}""", Assert.Single(server.Requests).Body);
        Assert.Equal(
            [$"Revoked {Samples.GrantId}: nothing starts under it any more, on any gateway.", "  gateways acknowledged  2", "  gateways condemned     1", "  milliseconds           5251"],
            jit.OutLines);
    }

    [Theory]
    [InlineData("--api", "orders", """{"api":"orders","terminate":true}""")]
    [InlineData("--action", "orders.delete", """{"action":"orders.delete","terminate":true}""")]
    [InlineData("--issuer", "dev", """{"issuer":"dev","terminate":true}""")]
    [InlineData("--approver", "dev:user:bob", """{"approver":"dev:user:bob","terminate":true}""")]
    public async Task Revoke_names_what_the_grants_have_in_common(string option, string value, string body)
    {
        await using var server = (await WireServer.StartAsync()).On(
            "POST /api/v1/revocations", 200, $$"""{"grant_ids":["{{Samples.GrantId}}"],"gateways_acknowledged":1,"gateways_condemned":0,"milliseconds":3}""");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("revoke", option, value, "--terminate"));
        Assert.Equal(body, Assert.Single(server.Requests).Body);
    }

    [Theory]
    [InlineData("revoke")]
    [InlineData("revoke", "--api", "a", "--action", "b")]
    [InlineData("block")]
    public async Task Exactly_one_thing_is_revoked(params string[] line)
    {
        using var jit = new JitRun();
        Assert.Equal(ExitCodes.Usage, await jit.Run(line));
    }

    [Fact]
    public async Task Block_and_unblock_say_what_the_gateways_did()
    {
        const string Answer = """{"grant_ids":[],"gateways_acknowledged":2,"gateways_condemned":0,"milliseconds":4}""";
        await using var server = (await WireServer.StartAsync())
            .On("PUT /api/v1/blocks/dev%3Auser%3Aalice", 200, Answer)
            .On("DELETE /api/v1/blocks/dev%3Auser%3Aalice", 200, Answer);
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("block", "dev:user:alice", "--reason", "lost laptop"));
        Assert.Contains("dev:user:alice is blocked", jit.Out, StringComparison.Ordinal);
        Assert.Contains("gateways acknowledged  2", jit.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await jit.Run("unblock", "dev:user:alice"));
        Assert.Contains("not blocked any more", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Gateways_and_blocks_are_tables()
    {
        await using var server = (await WireServer.StartAsync())
            .On("GET /api/v1/gateways", 200, """{"items":[{"incarnation":"gw_1","process":"gw_0","name":"host:8080","phase":"open","renewals":7,"mail":0,"renewed_at":"2030-01-01T00:00:00Z"}]}""")
            .On("GET /api/v1/blocks", 200, """{"items":[]}""");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("gateways"));
        Assert.Contains("gw_1", jit.Out, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await jit.Run("blocks"));
        Assert.Contains("Nobody is blocked", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Revoking_nothing_does_not_look_like_a_revocation()
    {
        await using var server = (await WireServer.StartAsync()).On(
            "POST /api/v1/principals/corp%3Auser%3Aalice/revoke", 200, """{"grant_ids":[],"gateways_acknowledged":0,"gateways_condemned":0,"milliseconds":0}""");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("revoke", "--principal", "corp:user:alice"));
        Assert.Contains("nothing was revoked", jit.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("")]
    public async Task An_answer_that_is_no_revocation_does_not_look_like_one(string body)
    {
        await using var server = (await WireServer.StartAsync()).On($"DELETE /api/v1/grants/{Samples.GrantId}", 200, body);
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("revoke", Samples.GrantId));
        Assert.Equal("", jit.Out);
    }

    [Theory]
    [InlineData("1h", "2030-01-01T11%3A00%3A00.0000000Z")]
    [InlineData("2029-12-31T23:00:00Z", "2029-12-31T23%3A00%3A00.0000000Z")]
    [InlineData("2030-01-01T01:00:00+02:00", "2029-12-31T23%3A00%3A00.0000000Z")]
    [InlineData("2029-12-31", "2029-12-31T00%3A00%3A00.0000000Z")]
    public async Task Audit_reads_entries(string since, string from)
    {
        await using var server = (await WireServer.StartAsync()).On(
            $"GET /api/v1/audit?limit=100&type=grant.consumed&principal=dev%3Auser%3Aalice&request=rq_1&from={from}",
            200,
            """{"items":[{"at":"2030-01-01T11:59:00Z","source":"principal:dev:user:alice","sequence":7,"type":"grant.consumed","data":{"by":"hmac:1","for":"hmac:2","grant":"gr_1","uses_left":2,"list":[1]},"personal":{"hmac:1":"dev:user:alice"},"hash":"h"}]}""");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("audit", "--type", "grant.consumed", "--principal", "dev:user:alice", "--request", "rq_1", "--since", since));
        Assert.Equal("2030-01-01T11:59:00Z\tprincipal:dev:user:alice\t7\tgrant.consumed\tby=dev:user:alice for=hmac:2 grant=gr_1 uses_left=2 list=[1]", jit.OutLines[1]);
    }

    [Theory]
    [InlineData("""{"valid":true,"entries":12,"chains":[{"source":"request:rq_1","sequence":12,"hash":"aGFzaA"}],"problems":[]}""", ExitCodes.Ok, "Valid: 12 entries in 1 chains.")]
    [InlineData("""{"valid":false,"entries":12,"chains":[{"source":"request:rq_1","sequence":12,"hash":"aGFzaA"}],"problems":[{"source":"request:rq_1","sequence":3,"hash":"eA","problem":"hash differs"}]}""", ExitCodes.Refused, "NOT VALID")]
    [InlineData("{}", ExitCodes.Refused, "NOT VALID")]
    [InlineData("[]", ExitCodes.Refused, "NOT VALID")]
    public async Task Verify_fails_unless_the_server_says_valid(string verdict, int code, string first)
    {
        await using var server = (await WireServer.StartAsync())
            .On("GET /api/v1/audit/verify", 200, verdict)
            .On("GET /api/v1/audit/verify?source=request%3Arq_1&head_sequence=12&head_hash=aGFzaA", 200, verdict);
        using var jit = new JitRun().Against(server);
        Assert.Equal(code, await jit.Run("audit", "verify"));
        Assert.StartsWith(first, jit.OutLines[0], StringComparison.Ordinal);
        Assert.Equal(verdict.Contains("hash differs", StringComparison.Ordinal), jit.Out.Contains("hash differs", StringComparison.Ordinal));
        // A head as printed can be given back as it is.
        if (verdict.Contains("aGFzaA", StringComparison.Ordinal))
            Assert.Equal(code, await jit.Run("audit", "verify", "--head", jit.OutLines[^1].Trim()));
        Assert.Equal(code, await jit.Run("audit", "verify", "--json"));
    }

    [Fact]
    public async Task Explain_asks_the_control_plane()
    {
        await using var server = (await WireServer.StartAsync())
            .On($"GET /api/v1/explain/{Samples.RequestId}", 200, """{"decision":"approve","rules":[{"rule":"refunds","matched":true}]}""")
            .On("POST /api/v1/explain", 200, """{"decision":"deny","rule":null}""");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("explain", Samples.RequestId));
        Assert.Contains("decision: approve", jit.Out, StringComparison.Ordinal);
        jit.Write("body.json", """{"amount": 25.00}""");
        Assert.Equal(ExitCodes.Ok, await jit.Run("explain", "POST", "http://127.0.0.1:8080/orders/42/refunds?x=%2e", "--as", "dev:user:alice", "--groups", "engineering, corp:x", "--body", "@body.json"));
        Assert.Equal(
            """{"method":"POST","url":"http://127.0.0.1:8080/orders/42/refunds?x=%2e","principal":"dev:user:alice","groups":["dev:engineering","corp:x"],"body":{"amount":25.00}}""",
            server.Requests.Last().Body);
        Assert.Equal($"Bearer {JitRun.Token}", server.Requests.Last().Headers["Authorization"]);
    }
}
