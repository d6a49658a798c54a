using System.Diagnostics;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.IdentityTests.Provider;

/// <summary>
/// A real OpenID provider (npm's oidc-provider, <c>npm/provider.mjs</c>) as a process of its own. It can be stopped and
/// started again on the same port with the same keys. Its people: alice, bob, carol and dave; its clients: <see cref="Cli"/>,
/// <see cref="Web"/>, <see cref="Service"/>. For one test at a time.
/// </summary>
internal sealed class OidcProvider : IAsyncDisposable
{
    /// <summary>The audience of its access tokens.</summary>
    public const string Audience = "jitgrains";

    /// <summary>A public native client: PKCE, any loopback port.</summary>
    public const string Cli = "cli";

    /// <summary>A client with a secret (<see cref="Secret"/>) and the redirect address <see cref="WebRedirect"/>.</summary>
    public const string Web = "web";

    /// <summary>A client of its own (client credentials, <see cref="Secret"/>).</summary>
    public const string Service = "billing";

    public const string Secret = "only-for-tests-0123456789abcdef";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly string folder = Directory.CreateTempSubdirectory("jitgrains-provider-").FullName;
    private readonly JsonObject config;
    private readonly Lock gate = new();
    private readonly List<JsonNode> lines = [];
    private readonly List<string> errors = [];
    private Process? process;

    private OidcProvider(JsonObject config)
    {
        this.config = config;
        config["keys"] = Path.Combine(folder, "keys.json");
    }

    public Uri Address => new($"http://127.0.0.1:{config["port"]}");

    /// <summary>Its <c>iss</c>.</summary>
    public string Issuer => $"http://127.0.0.1:{config["port"]}";

    /// <summary>Starts it.</summary>
    /// <param name="webRedirect">Where <see cref="Web"/> is sent back to.</param>
    /// <param name="signedOut">Where it may be sent back to from signing out, if anywhere.</param>
    /// <param name="accounts">Claims of people, over the usual ones.</param>
    /// <param name="tokenLife">Of access tokens, in seconds.</param>
    public static async Task<OidcProvider> Start(string webRedirect = "http://127.0.0.1:9/callback", string? signedOut = null, JsonObject? accounts = null, int tokenLife = 600)
    {
        var people = JsonNode.Parse("""
            {
              "alice": {"groups": ["engineering"], "email": "alice@example.com", "email_verified": true},
              "bob": {"groups": ["managers"], "email": "bob@example.com", "email_verified": true},
              "carol": {"groups": ["managers"], "email": "carol@example.com", "email_verified": false},
              "dave": {"groups": ["auditors"], "email": "dave@example.com", "email_verified": true},
              "billing": {"groups": ["engineering"], "kind": "service"}
            }
            """)!.AsObject();
        foreach (var (name, claims) in accounts ?? [])
            people[name] = claims?.DeepClone();
        var clients = JsonNode.Parse($$"""
            [
              {"client_id": "{{Cli}}", "token_endpoint_auth_method": "none", "application_type": "native", "redirect_uris": ["http://127.0.0.1/callback"],
               "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]},
              {"client_id": "{{Web}}", "client_secret": "{{Secret}}", "application_type": "native", "redirect_uris": ["{{webRedirect}}"],
               "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"]},
              {"client_id": "{{Service}}", "client_secret": "{{Secret}}", "redirect_uris": [], "grant_types": ["client_credentials"], "response_types": []}
            ]
            """);
        if (signedOut is not null)
            clients![1]!["post_logout_redirect_uris"] = new JsonArray(signedOut);
        var provider = new OidcProvider(new JsonObject { ["port"] = 0, ["ttl"] = tokenLife, ["accounts"] = people, ["clients"] = clients });
        await provider.StartAgain();
        return provider;
    }

    /// <summary>Starts it after <see cref="Stop"/>: same port, same keys; nobody is signed in any more.</summary>
    public async Task StartAgain()
    {
        var root = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(root, "JitGrains.sln")))
            root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("The tests run outside the repository.");
        lock (gate)
            lines.Clear();
        process = Process.Start(new ProcessStartInfo("node", ["provider.mjs", config.ToJsonString()])
        {
            UseShellExecute = false,
            WorkingDirectory = Path.Combine(root, "tests", "identity", "npm"),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.OutputDataReceived += (_, e) =>
        {
            // The provider's own warnings come between.
            if (e.Data?.StartsWith('{') == true)
                Add(lines, JsonNode.Parse(e.Data)!);
        };
        process.ErrorDataReceived += (_, e) =>
        {
            if (e.Data is not null)
                Add(errors, e.Data);
        };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await Eventually.Holds(() => process.HasExited || Count > 0);
        lock (gate)
        {
            Assert.False(process.HasExited, $"The provider did not start; ./test installs what it needs (npm install in tests/identity/npm).\n{string.Join('\n', errors)}");
            config["port"] = lines[0]["port"]!.GetValue<int>();
        }
    }

    /// <summary>Kills it: nobody listens on its port any more.</summary>
    public async Task Stop()
    {
        if (process is null)
            return;
        if (!process.HasExited)
            process.Kill();
        await process.WaitForExitAsync().WaitAsync(Patience);
        process.Dispose();
        process = null;
    }

    /// <summary>Signs with new keys from now on. The old ones stay published until <see cref="Retire"/>.</summary>
    public Task Rotate() => Command("rotate");

    /// <summary>No longer publishes the keys that it does not sign with.</summary>
    public Task Retire() => Command("retire");

    public async ValueTask DisposeAsync()
    {
        await Stop();
        Directory.Delete(folder, recursive: true);
    }

    private int Count
    {
        get
        {
            lock (gate)
                return lines.Count;
        }
    }

    private async Task Command(string command)
    {
        var before = Count;
        await process!.StandardInput.WriteLineAsync(command);
        await process.StandardInput.FlushAsync();
        await Eventually.Holds(() => Count > before);
    }

    private void Add<T>(List<T> list, T item)
    {
        lock (gate)
            list.Add(item);
    }
}
