using JitGrains.Cli;

namespace JitGrains.UnitTests.Cli;

/// <summary>A wrong command line is exit code 2, says what is wrong, and calls nobody.</summary>
public sealed class UsageTests
{
    public static TheoryData<string, string> WrongLines => new()
    {
        { "", "Required command" },
        { "frobnicate", "frobnicate" },
        { "requests --status gone", "--status: one of pending, approved" },
        { "requests --all --status pending", "exclude each other" },
        { "requests --limit 0", "--limit" },
        { "requests --limit many", "--limit" },
        { "requests --principal user:bob", "realm:kind:name" },
        { "requests extra", "extra" },
        { "show", "ID" },
        { "show ../../policy", "not an id" },
        { "show rq_", "not an id" },
        { "show rq_abc/votes", "not an id" },
        { "show rq_abc?x=y", "not an id" },
        { "show rq_ABC", "not an id" },
        { "request show gr_abc", "not an id" },
        { "approve", "ID" },
        { "approve gr_abc", "not an id" },
        { "deny rq_a rq_b", "rq_b" },
        { "request", "ACTION" },
        { "request orders.refund", "--reason" },
        { "request orders.refund --reason", "--reason" },
        { "request orders/refund --reason x", "ACTION" },
        { "request orders.refund --reason x --resource order", "NAME=VALUE" },
        { "request orders.refund --reason x --resource =42", "NAME=VALUE" },
        { "request orders.refund --reason x --resource order=", "NAME=VALUE" },
        { "request orders.refund --reason x --resource order=1 --resource order=2", "given twice" },
        { "request orders.refund --reason x --for 10", "--for" },
        { "request orders.refund --reason x --for 0m", "--for" },
        { "request orders.refund --reason x --for 10m1h", "--for" },
        { "request orders.refund --reason x --for -5m", "--for" },
        { "request orders.refund --reason x --for 99999999999d", "--for" },
        { "request orders.refund --reason x --uses 0", "--uses" },
        { "request orders.refund --reason x --uses 1.5", "--uses" },
        { "request orders.refund --reason x --wait soon", "--wait" },
        { "cancel gr_abc", "not an id" },
        { "grants --status active", "go with --all" },
        { "grants --all --status gone", "--status" },
        { "release rq_abc", "not an id" },
        { "revoke", "a grant or one of --principal" },
        { "revoke gr_abc --principal dev:user:alice", "a grant or one of --principal" },
        { "revoke rq_abc", "not an id" },
        { "revoke --principal alice", "realm:kind:name" },
        { "revoke --principal user:alice", "realm:kind:name" },
        { "audit --since yesterday", "--since" },
        { "audit --principal x", "realm:kind:name" },
        { "audit erase", "WHO" },
        { "audit erase dev:user:alice", "--reason" },
        { "audit erase alice --reason r", "realm:kind:name" },
        { "audit verify --head abc", "SOURCE:SEQ:HASH" },
        { "audit verify --head a:b:c", "SOURCE:SEQ:HASH" },
        { "audit verify --head :1:c", "SOURCE:SEQ:HASH" },
        { "explain", "ID|METHOD" },
        { "explain POST", "is not the id of a request, grant or execution" },
        { "explain POST http://h/x", "--as PRINCIPAL" },
        { "explain POST /x --as dev:user:alice", "URL" },
        { "explain PO/ST http://h/x --as dev:user:alice", "METHOD" },
        { "explain POST http://h/x --as alice", "--as: a principal" },
        { "explain POST http://h/x --as dev:user:alice --body {", "not JSON" },
        { "explain POST http://h/x --as dev:user:alice --body @missing.json", "missing.json does not exist" },
        { "explain rq_abc --body {}", "go with METHOD URL" },
        { "dev", "Required command" },
        { "dev token", "NAME" },
        { "dev token a/b", "NAME" },
        { "dev token alice --act triage^bot", "--act" },
        { "dev token alice --act robot:r2", "--act" },
        { "requests --gateway ftp://h", "--gateway" },
        { "requests --control http://u:p@h", "--control" },
        { "requests --control http://h/?x=y", "--control" },
        { "requests --token a.b.c --as bob", "--token and --as" },
        { "requests --token nonsense", "not a JWT" },
    };

    [Theory]
    [MemberData(nameof(WrongLines))]
    public async Task A_wrong_line_is_a_usage_error(string line, string expected)
    {
        await using var server = await WireServer.StartAsync();
        using var jit = new JitRun().Against(server);
        jit.Environment.Remove("JIT_TOKEN");
        if (!line.Contains("--token", StringComparison.Ordinal))
            jit.Environment["JIT_TOKEN"] = JitRun.Token;

        var code = await jit.Run(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Contains(expected, jit.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Usage, code);
        Assert.Equal("", jit.Out);
        Assert.Empty(server.Requests);
    }

    [Theory]
    [InlineData("JIT_GATEWAY")]
    [InlineData("JIT_CONTROL")]
    public async Task An_address_from_the_environment_is_checked_too(string variable)
    {
        using var jit = new JitRun();
        jit.Environment[variable] = "file:///etc/passwd";
        Assert.Equal(ExitCodes.Usage, await jit.Run("whoami"));
        Assert.Contains("a server's address", jit.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("request --help")]
    [InlineData("dev token --help")]
    [InlineData("--version")]
    public async Task Help_is_no_error(string line)
    {
        using var jit = new JitRun();
        Assert.Equal(ExitCodes.Ok, await jit.Run(line.Split(' ')));
        Assert.NotEqual("", jit.Out);
        Assert.Equal("", jit.Error);
    }

    [Fact]
    public async Task An_at_sign_does_not_read_a_file_of_arguments()
    {
        await using var server = await WireServer.StartAsync();
        using var jit = new JitRun().Against(server);
        jit.Write("args", "requests");
        Assert.Equal(ExitCodes.Usage, await jit.Run("@args"));
        Assert.Empty(server.Requests);
    }
}
