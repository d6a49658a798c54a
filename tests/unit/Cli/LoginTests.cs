using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Web;
using JitGrains.Cli;

namespace JitGrains.UnitTests.Cli;

/// <summary><c>jit login</c> against a control plane and a provider that are one prepared server; the browser is the test.</summary>
public sealed class LoginTests : IAsyncLifetime
{
    private const string Later = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJib2IyIn0.c2ln";

    private readonly JitRun jit = new();
    private WireServer server = null!;
    private string? opened;

    private string LoginsFile => Path.Combine(jit.Folder, "config", "jit", "logins.json");

    public async Task InitializeAsync()
    {
        server = await WireServer.StartAsync();
        server.On("GET /signin/providers", 200, $$$"""{"items":[{"realm":"corp","name":"Corp","issuer":"{{{server.Address}}}","cli":{"client_id":"jit","scopes":"openid offline_access","token":"access_token"}}]}""")
            .On("GET /.well-known/openid-configuration", 200, $$"""{"issuer":"{{server.Address}}","authorization_endpoint":"{{server.Address}}/auth","token_endpoint":"{{server.Address}}/token","authorization_response_iss_parameter_supported":true}""")
            .On("POST /token", 200, $$"""{"access_token":"{{JitRun.Token}}","refresh_token":"r1","expires_in":600,"token_type":"Bearer"}""")
            .On("GET /api/v1/me", 200, """{"principal":"corp:user:bob"}""")
            .On("GET /.jit/whoami", 200, """{"principal":"corp:user:bob"}""");
        jit.Environment["JIT_CONTROL"] = jit.Environment["JIT_GATEWAY"] = server.Address;
        jit.Environment["XDG_CONFIG_HOME"] = Path.Combine(jit.Folder, "config");
        jit.OpenBrowser = address => _ = GoBack(address, "code=c&state=$STATE&iss=$ISS");
    }

    public async Task DisposeAsync()
    {
        jit.Dispose();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_login_is_by_code_with_PKCE_over_loopback_and_is_kept_where_nobody_else_reads_it()
    {
        Assert.Equal(ExitCodes.Ok, await jit.Run("login"));
        Assert.Equal("Signed in as corp:user:bob.\n", jit.Out);
        var asked = HttpUtility.ParseQueryString(new Uri(opened!).Query);
        Assert.Equal(("code", "jit", "S256", "consent"), (asked["response_type"], asked["client_id"], asked["code_challenge_method"], asked["prompt"]));
        Assert.Matches("^http://127\\.0\\.0\\.1:[0-9]+/callback$", asked["redirect_uri"]);
        var form = HttpUtility.ParseQueryString(server.Requests.Single(r => r.Target == "POST /token").Body);
        Assert.Equal(asked["code_challenge"], Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"]!))));
        Assert.Equal(("authorization_code", "c", asked["redirect_uri"], "jit", null), (form["grant_type"], form["code"], form["redirect_uri"], form["client_id"], form["client_secret"]));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(LoginsFile));
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(LoginsFile)!));
        }

        Assert.DoesNotContain(JitRun.Token, jit.Out + jit.Error, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Ok, await jit.Run("whoami"));
        Assert.Equal($"Bearer {JitRun.Token}", server.Requests.Last().Headers["Authorization"]);
    }

    /// <summary>Answers that are not the provider's to this login.</summary>
    public static TheoryData<string, string> Refused => new()
    {
        { "code=c&state=$STATE", "not the provider's" },
        { "code=c&state=$STATE&iss=https%3A%2F%2Fevil.example.com", "not the provider's" },
        { "state=$STATE&iss=$ISS", "no code" },
        { "error=access_denied&state=$STATE&iss=$ISS", "access_denied" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Another_answer_logs_nobody_in(string answer, string says)
    {
        // What comes with another state is turned away, and the true answer still waited for.
        jit.OpenBrowser = address => _ = Task.WhenAll(GoBack(address, "code=c&state=guessed&iss=$ISS"), GoBack(address, answer));
        Assert.Equal(ExitCodes.Refused, await jit.Run("login"));
        Assert.Contains(says, jit.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(LoginsFile));
        Assert.DoesNotContain(server.Requests, r => r.Target == "POST /token");
    }

    [Fact]
    public async Task The_token_goes_to_the_servers_of_the_login_and_to_no_other()
    {
        Assert.Equal(ExitCodes.Ok, await jit.Run("login"));
        await using var other = await WireServer.StartAsync();
        Assert.Equal(ExitCodes.Usage, await jit.Run("whoami", "--gateway", other.Address));
        Assert.Equal(ExitCodes.Usage, await jit.Run("requests", "--control", other.Address));
        Assert.Empty(other.Requests);
        Assert.Contains("jit login", jit.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_that_is_over_is_refreshed_once_and_the_new_refresh_token_kept()
    {
        server.On("POST /token", 200, $$"""{"access_token":"{{Later}}","refresh_token":"r2","expires_in":600}""");
        Assert.Equal(ExitCodes.Ok, await jit.Run("login"));
        jit.Time.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal(ExitCodes.Ok, await jit.Run("whoami"));
        Assert.Equal($"Bearer {Later}", server.Requests.Last().Headers["Authorization"]);
        var form = HttpUtility.ParseQueryString(server.Requests.Last(r => r.Target == "POST /token").Body);
        Assert.Equal(("refresh_token", "r1", "jit"), (form["grant_type"], form["refresh_token"], form["client_id"]));
        Assert.Contains("r2", await File.ReadAllTextAsync(LoginsFile), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_another_sign_in_is_needed_a_newer_token_is_tried_and_then_it_says_how()
    {
        server.On("POST /token", 200, $$"""{"access_token":"{{Later}}","expires_in":600}""")
            .On("GET /api/v1/blocks", 401, """{"type":"https://jitgrains.dev/problems/sign-in-needed","title":"Another sign-in is needed","status":401,"max_age_seconds":300,"acr":["gold"]}""", "application/problem+json");
        Assert.Equal(ExitCodes.Ok, await jit.Run("login"));
        Assert.Equal(ExitCodes.Refused, await jit.Run("blocks"));
        Assert.Equal([$"Bearer {JitRun.Token}", $"Bearer {Later}"], server.Requests.Where(r => r.Target == "GET /api/v1/blocks").Select(r => r.Headers["Authorization"]));
        Assert.Contains("sign in again: jit login --max-age 300s --again --acr 'gold'\n", jit.Error, StringComparison.Ordinal);

        Assert.Equal(ExitCodes.Ok, await jit.Run("login", "--max-age", "300s", "--again", "--acr", "gold"));
        var asked = HttpUtility.ParseQueryString(new Uri(opened!).Query);
        Assert.Equal(("300", "gold", "login consent"), (asked["max_age"], asked["acr_values"], asked["prompt"]));
    }

    [Fact]
    public async Task A_file_that_others_can_read_is_not_used_and_a_logout_forgets()
    {
        Assert.Equal(ExitCodes.Ok, await jit.Run("login"));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(LoginsFile, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
            Assert.Equal(ExitCodes.Usage, await jit.Run("whoami"));
            Assert.Contains("can be read by others", jit.Error, StringComparison.Ordinal);
            File.SetUnixFileMode(LoginsFile, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        Assert.Equal(ExitCodes.Ok, await jit.Run("logout"));
        Assert.DoesNotContain(JitRun.Token, await File.ReadAllTextAsync(LoginsFile), StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Usage, await jit.Run("whoami"));
    }

    [Theory]
    [InlineData("""{"items":[]}""", "name no CliClientId")]
    [InlineData("""{"items":[{"realm":"a","name":"A","issuer":"http://evil.example.com","cli":{"client_id":"jit","scopes":"openid","token":"access_token"}}]}""", "name no CliClientId")]
    public async Task Without_a_provider_that_can_be_trusted_there_is_no_login(string providers, string says)
    {
        await using var bare = (await WireServer.StartAsync()).On("GET /signin/providers", 200, providers);
        Assert.Equal(ExitCodes.Refused, await jit.Run("login", "--control", bare.Address));
        Assert.Contains(says, jit.Error, StringComparison.Ordinal);
        Assert.Null(opened);
    }

    private async Task GoBack(string address, string answer)
    {
        opened = address;
        var asked = HttpUtility.ParseQueryString(new Uri(address).Query);
        using var browser = new HttpClient();
        await browser.GetAsync(new Uri($"{asked["redirect_uri"]}?{answer.Replace("$STATE", asked["state"], StringComparison.Ordinal).Replace("$ISS", Uri.EscapeDataString(server.Address), StringComparison.Ordinal)}"));
    }
}
