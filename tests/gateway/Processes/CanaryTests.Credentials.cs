using System.Net;
using System.Text;
using System.Web;
using JitGrains.GatewayTests.Injection;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;
using JitGrains.UnitTests.Silo;

namespace JitGrains.GatewayTests.Processes;

/// <content>
/// What is given out to be used as a credential, and what the gateway itself shows to others: API keys, exchanged tokens, sessions of the control
/// plane; tokens by client credentials, client certificates. Each is used well, badly, and after its end.
/// </content>
public sealed partial class CanaryTests
{
    private const string FetchSecret = "canary-fetch-secret-87";
    private const string SignInSecret = "canary-sign-in-secret-88";
    private const string Code2 = "canary-authorization-code-89";
    private const string ProviderToken = "canary-provider-access-token-90";
    private const string ProviderRefresh = "canary-provider-refresh-token-91";
    private const string BrokenKey = "Y2FuYXJ5LWJyb2tlbi1rZXktOTI";

    private const string CredentialApis = """
          fetched:
            upstreams: [$UPSTREAM]
            prefix: /fetched
            credential: {oauth: {token_url: "$TOKENS", client_id: gateway, client_secret: "env:CANARY_FETCH_SECRET"}}
            actions:
              fetched.read: {methods: [GET], path: "/fetched/{thing}", access: read}
          unfetched:
            upstreams: [$UPSTREAM]
            prefix: /unfetched
            credential: {oauth: {token_url: "$TOKENS", client_id: gateway, client_secret: "env:CANARY_UPSTREAM_KEY"}}
            actions:
              unfetched.read: {methods: [GET], path: "/unfetched/{thing}", access: read}
          shown:
            upstreams: ["$TLS"]
            prefix: /shown
            credential: {client_certificate: {certificate: "file:$FOLDER/canary-tls.crt", key: "file:$FOLDER/canary-tls.key"}}
            actions:
              shown.read: {methods: [GET], path: "/shown/{thing}", access: read}
          broken:
            upstreams: ["$TLS"]
            prefix: /broken
            credential: {client_certificate: {certificate: "file:$FOLDER/canary-tls.crt", key: "file:$FOLDER/canary-broken.key"}}
            actions:
              broken.read: {methods: [GET], path: "/broken/{thing}", access: read}
        """;

    /// <summary>Servers and files that the credentials are of, and the settings that go with them.</summary>
    private sealed class Credentials : IAsyncDisposable
    {
        private Credentials(TokenServer tokens, TestIssuer provider) => (Tokens, Provider) = (tokens, provider);

        public TokenServer Tokens { get; }

        public TestIssuer Provider { get; }

        /// <summary>Everything that was given out, or is in a file for the gateway only.</summary>
        public List<string> Secrets { get; } = [Convert.ToBase64String(Encoding.UTF8.GetBytes("gateway:" + FetchSecret)), FetchSecret, SignInSecret, Code2, ProviderToken, ProviderRefresh, BrokenKey];

        public static async Task<Credentials> Start(Installation installation)
        {
            var all = new Credentials(await TokenServer.Start(), await TestIssuer.StartAsync());
            all.Tokens.Secret = FetchSecret;
            using var authority = TestAuthority.Make("Canaries");
            using var certificate = authority.Client(["dns:gateway.example.com"]);
            string PathOf(string name) => Path.Combine(installation.Folder, name);
            TestAuthority.Write(certificate, PathOf("canary-tls.crt"), PathOf("canary-tls.key"));
            // Each line of a key is a part that nobody may see; so is what is in the place of one.
            all.Secrets.AddRange((await File.ReadAllLinesAsync(PathOf("canary-tls.key"))).Where(l => l.Length > 20 && !l.StartsWith('-')));
            await File.WriteAllTextAsync(PathOf("canary-broken.key"), $"-----BEGIN PRIVATE KEY-----\n{BrokenKey}\n-----END PRIVATE KEY-----\n");
            await File.WriteAllTextAsync(PathOf("sign-in-secret"), SignInSecret);
            foreach (var (name, value) in new[]
            {
                ("CANARY_FETCH_SECRET", FetchSecret), ("JITGRAINS__PUBLICURL", installation.Control.GetLeftPart(UriPartial.Authority)),
                ("JITGRAINS__ISSUERS__0__REALM", "corp"), ("JITGRAINS__ISSUERS__0__ISSUER", all.Provider.Issuer), ("JITGRAINS__ISSUERS__0__AUDIENCES__0", "jitgrains"),
                ("JITGRAINS__SIGNIN__PROVIDERS__0__REALM", "corp"), ("JITGRAINS__SIGNIN__PROVIDERS__0__CLIENTID", "console"), ("JITGRAINS__SIGNIN__PROVIDERS__0__CLIENTSECRETFILE", PathOf("sign-in-secret")),
            })
            {
                installation.Environment[name] = value;
            }

            return all;
        }

        public string Fill(string policy, Installation installation) =>
            policy.Replace("$TOKENS", Tokens.Address.AbsoluteUri, StringComparison.Ordinal).Replace("$FOLDER", installation.Folder, StringComparison.Ordinal)
                // Nobody speaks TLS there: the certificate is read and never shown.
                .Replace("$TLS", "https://127.0.0.1:9", StringComparison.Ordinal);

        public async ValueTask DisposeAsync()
        {
            await Tokens.DisposeAsync();
            await Provider.DisposeAsync();
        }
    }

    /// <summary>Uses all of it, well and badly; the answers that must not hold any. Those that give one out are its place.</summary>
    private static async Task<List<Answer>> PlayCredentials(JitClient client, Installation installation, MarkedUpstream upstream, Credentials given, string alice, string bob)
    {
        var answers = new List<Answer>();
        async Task<Answer> Told(Task<Answer> answer)
        {
            answers.Add(await answer);
            return answers[^1];
        }

        // What the gateway shows to others.
        Assert.Equal(HttpStatusCode.OK, (await Told(client.Call(alice, "GET", "/fetched/1"))).Status);
        given.Secrets.AddRange(Enumerable.Range(1, given.Tokens.Fetches).Select(i => $"fetched-token-{i}"));
        Assert.Equal("Bearer fetched-token-1", upstream.Calls("GET /fetched/1").Single().Headers["authorization"]);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Told(client.Call(alice, "GET", "/unfetched/1"))).Status);
        Assert.Equal(HttpStatusCode.BadGateway, (await Told(client.Call(alice, "GET", "/shown/1"))).Status);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Told(client.Call(alice, "GET", "/broken/1"))).Status);

        // API keys.
        var created = await client.Control(bob, "POST", "keys", new { name = "canary", owner = "dev:user:alice", expires_in = 3600, groups = new[] { "importers" } });
        var key = created.Json["secret"]!.GetValue<string>();
        // By its place: underscores are among its letters.
        given.Secrets.AddRange([key, key["jitk_".Length..^"_canary".Length]]);
        Assert.Equal("keys:key:canary", (await Told(client.Call(key, "GET", "/.jit/whoami"))).Json["principal"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.Forbidden, (await Told(client.Call(key, "GET", "/orders/1"))).Status);
        foreach (var wrong in new[] { key + "x", key[..^1] })
            Assert.Equal(HttpStatusCode.Unauthorized, (await Told(client.Call(wrong, "GET", "/orders/1"))).Status);
        await Told(client.Control(key, "GET", "keys"));
        await Told(client.Control(bob, "GET", "keys"));
        Assert.Equal(HttpStatusCode.OK, (await Told(client.Control(bob, "DELETE", "keys/canary", new { reason = "found" }))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Told(client.Call(key, "GET", "/orders/1"))).Status);

        // A token for one action.
        var exchanged = (await Exchange(installation, alice, """{"type": "jit_action", "action": "orders.read", "resource": {"order": "7"}}""")).Json["access_token"]!.GetValue<string>();
        given.Secrets.AddRange([exchanged, exchanged["jitx_".Length..]]);
        Assert.Equal(HttpStatusCode.OK, (await client.Call(exchanged, "GET", "/orders/7")).Status);
        Assert.False(upstream.Calls("GET /orders/7").Single().Headers.ContainsKey("authorization"));
        Assert.Equal(HttpStatusCode.Forbidden, (await Told(client.Call(exchanged, "GET", "/orders/8"))).Status);
        foreach (var path in new[] { "/.jit/whoami", "/.jit/grants" })
            Assert.Equal(HttpStatusCode.Unauthorized, (await Told(client.Call(exchanged, "GET", path))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await Told(client.Control(exchanged, "GET", "requests"))).Status);
        await Told(client.Call(exchanged + "A", "GET", "/orders/7"));
        await Told(Exchange(installation, exchanged, """{"type": "jit_action", "action": "orders.read", "resource": {"order": "7"}}"""));
        await Told(Exchange(installation, alice, $$"""{"type": "jit_action", "action": "{{exchanged}}"}"""));

        await PlaySignIn(installation, given, answers);
        return answers;
    }

    /// <summary>Somebody signs in with a browser, uses the session, and signs out; and somebody does so badly.</summary>
    private static async Task PlaySignIn(Installation installation, Credentials given, List<Answer> answers)
    {
        using var browser = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = installation.Control };
        var cookies = new Dictionary<string, string>(StringComparer.Ordinal);
        async Task<HttpResponseMessage> Send(string method, string path, params (string Name, string Value)[] headers)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), path);
            if (cookies.Count > 0)
                request.Headers.Add("Cookie", string.Join("; ", cookies.Select(c => $"{c.Key}={c.Value}")));
            foreach (var (name, value) in headers)
                request.Headers.TryAddWithoutValidation(name, value);
            var response = await browser.SendAsync(request);
            foreach (var line in response.Headers.TryGetValues("Set-Cookie", out var lines) ? lines : [])
            {
                var pair = line.Split(';')[0].Split('=', 2);
                cookies[pair[0]] = pair[1];
                if (pair[1].Length > 20)
                    given.Secrets.Add(pair[1]);
            }

            return response;
        }

        var begun = await Send("GET", "/signin");
        Assert.Equal(HttpStatusCode.Found, begun.StatusCode);
        var asked = HttpUtility.ParseQueryString(begun.Headers.Location!.Query);
        given.Provider.Token = form =>
        {
            var claims = given.Provider.Claims(TimeProvider.System.GetUtcNow());
            (claims["aud"], claims["nonce"]) = ("console", asked["nonce"]);
            given.Secrets.Add(form["code_verifier"].ToString());
            var id = given.Provider.Sign(claims);
            given.Secrets.AddRange([id, id[(id.LastIndexOf('.') + 1)..]]);
            return new { access_token = ProviderToken, refresh_token = ProviderRefresh, token_type = "Bearer", id_token = id };
        };
        var callback = $"/signin/callback/corp?code={Code2}&iss={Uri.EscapeDataString(given.Provider.Issuer)}";
        answers.Add(await Answer.Of(await Send("GET", $"{callback}&state=wrong")));
        begun = await Send("GET", "/signin");
        asked = HttpUtility.ParseQueryString(begun.Headers.Location!.Query);
        Assert.Equal(HttpStatusCode.Found, (await Send("GET", $"{callback}&state={asked["state"]}")).StatusCode);
        (string, string)[] page = [("Jit-Page", "1"), ("Sec-Fetch-Site", "same-origin"), ("Origin", installation.Control.GetLeftPart(UriPartial.Authority))];
        foreach (var path in new[] { "/api/v1/me", "/api/v1/me/sessions", "/api/v1/requests", "/" })
        {
            answers.Add(await Answer.Of(await Send("GET", path, page)));
            Assert.Equal(HttpStatusCode.OK, answers[^1].Status);
        }

        // The cookie where it does not belong, and after its end.
        var session = cookies.Values.Single(v => v.Length > 20);
        answers.Add(await Answer.Of(await Send("GET", "/api/v1/requests", ("Authorization", $"Bearer {session}"))));
        answers.Add(await Answer.Of(await Send("POST", "/signout", ("Sec-Fetch-Site", "cross-site"))));
        (await Send("POST", "/signout", page)).Dispose();
        cookies["jitgrains"] = session;
        answers.Add(await Answer.Of(await Send("GET", "/api/v1/me")));
        Assert.Equal(HttpStatusCode.Unauthorized, answers[^1].Status);
    }

    private static async Task<Answer> Exchange(Installation installation, string token, string detail)
    {
        using var http = new HttpClient();
        using var form = new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange",
            ["subject_token"] = token,
            ["subject_token_type"] = "urn:ietf:params:oauth:token-type:access_token",
            ["authorization_details"] = $"[{detail}]",
        });
        return await Answer.Of(await http.PostAsync(new Uri(installation.Gateway, "/.jit/token"), form));
    }
}
