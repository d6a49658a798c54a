using JitGrains.Cli;

namespace JitGrains.UnitTests.Cli;

/// <summary>Who calls, and the development issuer's tokens.</summary>
public sealed class IdentityTests
{
    private const string AliceToken = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln";
    private const string TokenEndpoint = "POST /dev-issuer/x/token";

    private static async Task<WireServer> ServerAsync() => (await WireServer.StartAsync())
        .On(TokenEndpoint, 200, $$"""{"access_token":"{{AliceToken}}","token_type":"Bearer","expires_in":3600}""")
        .On("GET /.jit/whoami", 200, """{"principal":"dev:user:alice"}""");

    private static JitRun Quickstart(WireServer server)
    {
        var jit = new JitRun().Against(server).WithDevIssuer(server.Address + "/dev-issuer/x/token");
        jit.Environment.Remove("JIT_TOKEN");
        return jit;
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_token_stands_alone_on_the_last_line(bool terminal)
    {
        await using var server = await ServerAsync();
        using var jit = Quickstart(server);
        jit.Terminal = terminal;
        Assert.Equal(ExitCodes.Ok, await jit.Run("dev", "token", "alice"));
        Assert.EndsWith("\n", jit.Out, StringComparison.Ordinal);
        Assert.Equal(AliceToken, jit.Out[..^1].Split('\n')[^1]);
        Assert.Equal("grant_type=client_credentials&client_id=alice&client_secret=s3cret-value", Assert.Single(server.Requests).Body);
    }

    [Fact]
    public async Task Actors_go_to_the_issuer_in_order()
    {
        await using var server = await ServerAsync();
        using var jit = Quickstart(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("dev", "token", "alice", "--act", "agent:triage-bot", "--act", "service:runner"));
        Assert.EndsWith("&act=agent%3Atriage-bot&act=service%3Arunner", Assert.Single(server.Requests).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_data_folder_can_be_named()
    {
        await using var server = await ServerAsync();
        using var jit = Quickstart(server);
        Directory.Move(Path.Combine(jit.Folder, "data"), Path.Combine(jit.Folder, "other"));
        Assert.Equal(ExitCodes.Usage, await jit.Run("dev", "token", "alice"));
        Assert.Equal(ExitCodes.Ok, await jit.Run("dev", "token", "alice", "--data", "other"));
        jit.Environment["JITGRAINS__DATA"] = Path.Combine(jit.Folder, "other");
        Assert.Equal(ExitCodes.Ok, await jit.Run("dev", "token", "alice"));
    }

    [Fact]
    public async Task Without_a_quickstart_it_names_the_file_and_says_how_to_start_one()
    {
        using var jit = new JitRun();
        Assert.Equal(ExitCodes.Usage, await jit.Run("dev", "token", "alice"));
        Assert.Contains(Path.Combine(jit.Folder, "data", "dev-issuer.json") + " does not exist", jit.Error, StringComparison.Ordinal);
        Assert.Contains("dotnet run --project gateway", jit.Error, StringComparison.Ordinal);
        Assert.Equal("", jit.Out);
    }

    [Fact]
    public async Task With_the_quickstart_stopped_it_says_so()
    {
        var server = await ServerAsync();
        using var jit = Quickstart(server);
        await server.DisposeAsync();
        Assert.Equal(ExitCodes.Unreachable, await jit.Run("dev", "token", "alice"));
        Assert.Contains("the development issuer at http://127.0.0.1:", jit.Error, StringComparison.Ordinal);
        Assert.Contains("dotnet run --project gateway", jit.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not json s3cret-value")]
    [InlineData("[]")]
    [InlineData("""{"token_endpoint":"http://127.0.0.1/t"}""")]
    [InlineData("""{"token_endpoint":"file:///t","client_secret":"s3cret-value"}""")]
    [InlineData("""{"token_endpoint":"http://example.com/t","client_secret":"s3cret-value"}""")]
    public async Task A_file_that_is_no_development_issuers_is_refused_and_not_quoted(string content)
    {
        using var jit = new JitRun().WithDevIssuer("http://127.0.0.1:1/");
        jit.Write("data/dev-issuer.json", content);
        Assert.Equal(ExitCodes.Usage, await jit.Run("dev", "token", "alice"));
        Assert.Contains("dev-issuer.json", jit.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret-value", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_issuers_refusal_is_shown()
    {
        await using var server = (await WireServer.StartAsync()).On(TokenEndpoint, 400, """{"error":"invalid_client","error_description":"there is no mallory"}""");
        using var jit = Quickstart(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("dev", "token", "mallory"));
        Assert.Equal("jit: invalid_client (400)\n  there is no mallory\n", jit.Error);
        Assert.Equal("", jit.Out);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"access_token":"two\nlines"}""")]
    [InlineData("""{"access_token":"no jwt"}""")]
    [InlineData("""{"access_token":7}""")]
    public async Task What_is_no_token_is_not_printed(string body)
    {
        await using var server = (await WireServer.StartAsync()).On(TokenEndpoint, 200, body);
        using var jit = Quickstart(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("dev", "token", "alice"));
        Assert.Equal("", jit.Out);
    }

    /// <summary>Options, environment, and the client_id asked for (empty for none) or the token sent.</summary>
    public static TheoryData<string, string, string, string> Precedence => new()
    {
        { "whoami --as alice", "", "", "alice" },
        { "--as alice whoami", "", "", "alice" },
        { "whoami", "", "bob", "bob" },
        { "whoami --as alice", "", "bob", "alice" },
        { "whoami --as alice", JitRun.Token, "", "alice" },
        { "whoami", JitRun.Token, "bob", "" },
        { $"whoami --token {JitRun.Token}", "", "bob", "" },
    };

    [Theory]
    [MemberData(nameof(Precedence))]
    public async Task Options_come_before_the_environment_and_tokens_before_names(string line, string jitToken, string jitAs, string client)
    {
        await using var server = await ServerAsync();
        using var jit = Quickstart(server);
        jit.Environment["JIT_TOKEN"] = jitToken;
        jit.Environment["JIT_AS"] = jitAs;
        Assert.Equal(ExitCodes.Ok, await jit.Run(line.Split(' ')));
        var asked = server.Requests.Where(r => r.Target == TokenEndpoint).Select(r => r.Body).ToList();
        Assert.Equal(client.Length == 0 ? 0 : 1, asked.Count);
        Assert.All(asked, body => Assert.Contains($"client_id={client}&", body, StringComparison.Ordinal));
        Assert.Equal($"Bearer {(client.Length == 0 ? JitRun.Token : AliceToken)}", server.Requests.Last().Headers["Authorization"]);
    }

    [Fact]
    public async Task In_the_quickstart_a_command_without_a_name_says_how_to_give_one()
    {
        await using var server = await ServerAsync();
        using var jit = Quickstart(server);
        Assert.Equal(ExitCodes.Usage, await jit.Run("approve", Samples.RequestId));
        Assert.Contains("--as bob (or JIT_AS=bob)", jit.Error, StringComparison.Ordinal);
        Assert.Empty(server.Requests);
    }

    [Fact]
    public async Task Elsewhere_it_asks_for_a_token()
    {
        using var jit = new JitRun();
        Assert.Equal(ExitCodes.Usage, await jit.Run("requests"));
        Assert.Contains("--token or JIT_TOKEN", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Beside_the_quickstart_short_names_are_the_development_realms()
    {
        await using var server = (await ServerAsync()).On("POST /api/v1/principals/dev%3Auser%3Aalice/revoke", 200, """{"grant_ids":[],"gateways_acknowledged":1,"gateways_condemned":0,"milliseconds":2}""");
        using var jit = Quickstart(server);
        Assert.Equal(ExitCodes.Ok, await jit.Run("revoke", "--principal", "alice", "--as", "bob"));
        Assert.Equal(ExitCodes.Ok, await jit.Run("revoke", "--principal", "user:alice", "--as", "bob"));
        Assert.Equal(ExitCodes.Ok, await jit.Run("revoke", "--principal", "dev:user:alice", "--as", "bob"));
    }

    [Fact]
    public async Task A_token_never_appears_in_what_is_printed()
    {
        await using var server = (await ServerAsync()).OnProblem("GET /api/v1/policy", 401, "unauthenticated", "Unauthenticated", "The token has expired.");
        using var jit = Quickstart(server);
        await jit.Run("policy", "show", "--as", "alice");
        Assert.DoesNotContain(AliceToken, jit.Out + jit.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret-value", jit.Out + jit.Error, StringComparison.Ordinal);
    }
}
