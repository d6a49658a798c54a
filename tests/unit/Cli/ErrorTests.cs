using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using JitGrains.Cli;

namespace JitGrains.UnitTests.Cli;

/// <summary>What goes wrong at a server is told in its own words, escaped, with the exit code that docs/cli.md promises.</summary>
public sealed class ErrorTests
{
    private const string Target = "GET /.jit/whoami";

    [Theory]
    [InlineData(401, "unauthenticated", "Unauthenticated")]
    [InlineData(403, "not-eligible", "Not eligible")]
    [InlineData(404, "not-found", "Not found")]
    [InlineData(409, "already-decided", "Already decided")]
    [InlineData(429, "too-many-pending", "Too many pending requests")]
    [InlineData(503, "unavailable", "Unavailable")]
    public async Task A_problem_is_shown_with_title_detail_field_and_type(int status, string name, string title)
    {
        await using var server = (await WireServer.StartAsync()).OnProblem(Target, status, name, title, "One sentence.", "digest");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("whoami"));
        Assert.Equal($"jit: {title} ({status})\n  One sentence.\n  field: digest\n  type: https://jitgrains.dev/problems/{name}\n", jit.Error);
        Assert.Equal("", jit.Out);
    }

    [Fact]
    public async Task Retry_after_is_shown()
    {
        await using var server = (await WireServer.StartAsync()).OnProblem(Target, 403, "cooling-down", "Cooling down", "Denied a short while ago.", null, ("Retry-After", "540"));
        using var jit = new JitRun().Against(server);
        await jit.Run("whoami");
        Assert.Contains("retry after: 540 s", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task With_json_the_problem_is_on_standard_output_too()
    {
        await using var server = (await WireServer.StartAsync()).OnProblem(Target, 403, "forbidden", "Forbidden", "No.");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("whoami", "--json"));
        using var json = JsonDocument.Parse(jit.Out);
        Assert.Equal("https://jitgrains.dev/problems/forbidden", json.RootElement.GetProperty("type").GetString());
    }

    [Theory]
    [InlineData(200, "<html>hello</html>", "text/html")]
    [InlineData(404, "not found", "text/plain")]
    [InlineData(500, "   at System.Boom()", "text/plain")]
    [InlineData(200, "{\"broken", "application/json")]
    [InlineData(500, "{\"broken", "application/problem+json")]
    public async Task Something_else_on_the_port_is_told_as_such_and_never_quoted(int status, string body, string contentType)
    {
        await using var server = (await WireServer.StartAsync()).On(Target, status, body, contentType);
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("whoami"));
        Assert.Contains("is this the gateway?", jit.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(body.Trim(), jit.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400, "{}")]
    [InlineData(400, "[]")]
    [InlineData(400, "")]
    [InlineData(400, """{"title":7,"detail":{}}""")]
    public async Task A_problem_without_words_is_still_a_refusal(int status, string body)
    {
        await using var server = (await WireServer.StartAsync()).On(Target, status, body, "application/problem+json");
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("whoami"));
        Assert.Equal("jit: Refused (400)\n", jit.Error);
    }

    [Fact]
    public async Task A_redirect_is_not_followed_with_the_token()
    {
        await using var elsewhere = (await WireServer.StartAsync()).On(Target, 200, "{}");
        await using var server = (await WireServer.StartAsync()).On(Target, 307, "", headers: ("Location", elsewhere.Address + "/.jit/whoami"));
        using var jit = new JitRun().Against(server);
        Assert.Equal(ExitCodes.Refused, await jit.Run("whoami"));
        Assert.Empty(elsewhere.Requests);
    }

    [Theory]
    [InlineData("whoami", "gateway")]
    [InlineData("requests", "control plane")]
    public async Task Nobody_there_is_exit_code_3(string command, string server)
    {
        using var jit = new JitRun();
        jit.Environment["JIT_TOKEN"] = JitRun.Token;
        jit.Environment["JIT_GATEWAY"] = jit.Environment["JIT_CONTROL"] = $"http://127.0.0.1:{UnusedPort()}";
        Assert.Equal(ExitCodes.Unreachable, await jit.Run(command));
        Assert.Contains($"the {server} at http://127.0.0.1:", jit.Error, StringComparison.Ordinal);
        Assert.Contains("cannot be reached (ConnectionRefused)", jit.Error, StringComparison.Ordinal);
        Assert.Contains("dotnet run --project gateway", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_hangs_up_is_exit_code_3()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var hangUp = HangUpAsync(listener);
        using var jit = new JitRun();
        jit.Environment["JIT_TOKEN"] = JitRun.Token;
        Assert.Equal(ExitCodes.Unreachable, await jit.Run("whoami", "--gateway", $"http://{listener.LocalEndpoint}"));
        listener.Stop();
        await hangUp;
        Assert.Contains("cannot be reached", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_says_nothing_is_exit_code_3()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var jit = new JitRun { HttpTimeout = TimeSpan.FromMilliseconds(100) };
        jit.Environment["JIT_TOKEN"] = JitRun.Token;
        Assert.Equal(ExitCodes.Unreachable, await jit.Run("whoami", "--gateway", $"http://{listener.LocalEndpoint}"));
        Assert.Contains("did not answer", jit.Error, StringComparison.Ordinal);
    }

    /// <summary>Every connection, for a client may try again where it lost one before an answer began.</summary>
    private static async Task HangUpAsync(TcpListener listener)
    {
        var buffer = new byte[1];
        try
        {
            while (true)
            {
                using var client = await listener.AcceptTcpClientAsync();
                await client.GetStream().ReadExactlyAsync(buffer);
                client.LingerState = new LingerOption(true, 0);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private static int UnusedPort()
    {
        // Bound and closed again: nobody listens there, and nothing else takes an ephemeral port that soon.
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
