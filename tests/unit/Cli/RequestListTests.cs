using System.Text.Json;
using JitGrains.Approvals;
using JitGrains.Cli;
using JitGrains.Identity;

namespace JitGrains.UnitTests.Cli;

public sealed class RequestListTests
{
    private const string Pending = "GET /api/v1/requests?limit=100&status=pending";

    [Fact]
    public async Task Lists_pending_requests_as_tab_separated_lines()
    {
        await using var server = (await WireServer.StartAsync()).On(Pending, 200, Samples.List(null, Samples.Request));
        using var jit = new JitRun().Against(server);

        Assert.Equal(ExitCodes.Ok, await jit.Run("requests"));

        Assert.Equal("ID\tSTATUS\tWHO\tACTION\tRESOURCE\tAGE\tEXPIRES\tVOTES\tSUMMARY", jit.OutLines[0]);
        Assert.Equal(
            $"{Samples.RequestId}\tpending\tdev:user:alice\torders.refund\torder=42\t3m\t57m\t1/2\tRefund 25 EUR of order 42",
            Assert.Single(jit.OutLines[1..]));
        Assert.Equal($"Bearer {JitRun.Token}", Assert.Single(server.Requests).Headers["Authorization"]);
    }

    [Fact]
    public async Task On_a_terminal_it_is_a_table()
    {
        await using var server = (await WireServer.StartAsync()).On(Pending, 200, Samples.List(null, Samples.Request));
        using var jit = new JitRun { Terminal = true }.Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("requests"));
        Assert.DoesNotContain('\t', jit.Out);
        Assert.DoesNotContain('\u001b', jit.Out);
        Assert.Contains(Samples.RequestId, jit.Out, StringComparison.Ordinal);
        Assert.Contains("Refund 25 EUR of order 42", jit.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_actor_chain_and_every_stage_are_shown()
    {
        var request = Samples.Request with
        {
            Actors = [new PrincipalId("dev:agent:triage-bot"), new PrincipalId("dev:service:runner")],
            Stages = [.. Samples.Request.Stages, new JitGrains.Wire.StageView("security", [], [], 1, 0)],
        };
        await using var server = (await WireServer.StartAsync()).On(Pending, 200, Samples.List(null, request));
        using var jit = new JitRun().Against(server);
        await jit.Run("requests");
        var cells = jit.OutLines[1].Split('\t');
        Assert.Equal("dev:user:alice through dev:service:runner through dev:agent:triage-bot", cells[2]);
        Assert.Equal("1/2 + 0/1", cells[7]);
    }

    [Fact]
    public async Task Nothing_to_show_is_no_error_and_leaves_standard_output_empty()
    {
        await using var server = (await WireServer.StartAsync()).On(Pending, 200, Samples.List(null));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("requests"));
        Assert.Equal("", jit.Out);
        Assert.Contains("No pending approval requests", jit.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("requests --all", "GET /api/v1/requests?limit=100")]
    [InlineData("requests --status denied", "GET /api/v1/requests?limit=100&status=denied")]
    [InlineData("requests --limit 5 --action orders.refund", "GET /api/v1/requests?limit=5&status=pending&action=orders.refund")]
    [InlineData("requests --principal dev:user:alice", "GET /api/v1/requests?limit=100&status=pending&principal=dev%3Auser%3Aalice")]
    [InlineData("requests --action a&b=c", "GET /api/v1/requests?limit=100&status=pending&action=a%26b%3Dc")]
    public async Task Filters_go_to_the_server(string line, string target)
    {
        await using var server = (await WireServer.StartAsync()).On(target, 200, Samples.List(null, Samples.Request));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run(line.Split(' ')));
        Assert.Equal(target, Assert.Single(server.Requests).Target);
    }

    [Fact]
    public async Task Pages_are_followed_up_to_the_limit()
    {
        await using var server = (await WireServer.StartAsync())
            .On("GET /api/v1/requests?limit=3&status=pending", 200, Samples.List("c 1", Samples.Request, Samples.Request))
            .On("GET /api/v1/requests?limit=3&status=pending&cursor=c%201", 200, Samples.List("c2", Samples.Request, Samples.Request));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("requests", "--limit", "3"));
        Assert.Equal(4, jit.OutLines.Length);
        Assert.Contains("more than 3", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cursor_that_repeats_itself_ends_the_reading()
    {
        await using var server = (await WireServer.StartAsync())
            .On(Pending, 200, Samples.List("c", Samples.Request))
            .On(Pending + "&cursor=c", 200, Samples.List("c", Samples.Request));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("requests"));
        Assert.Equal(2, server.Requests.Count);
    }

    [Fact]
    public async Task Json_is_the_servers_own_with_its_pages_joined()
    {
        await using var server = (await WireServer.StartAsync())
            .On(Pending, 200, """{"items":[{"id":"a","new_field":[1.50]}],"next_cursor":"c"}""")
            .On(Pending + "&cursor=c", 200, """{"items":[{"id":"b"}]}""");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("requests", "--json"));
        using var json = JsonDocument.Parse(jit.Out);
        Assert.Equal(["a", "b"], json.RootElement.GetProperty("items").EnumerateArray().Select(i => i.GetProperty("id").GetString()!));
        Assert.Equal("1.50", json.RootElement.GetProperty("items")[0].GetProperty("new_field")[0].GetRawText());
    }

    [Theory]
    [InlineData("""{"items":[{"id":"a"}]}""")]
    [InlineData("""{"items":7}""")]
    [InlineData("""[]""")]
    [InlineData("""{"items":[3]}""")]
    public async Task An_answer_of_another_shape_is_told_as_such(string body)
    {
        await using var server = (await WireServer.StartAsync()).On(Pending, 200, body);
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("requests"));
        Assert.StartsWith("jit: the server's", jit.Error, StringComparison.Ordinal);
    }
}
