using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using JitGrains.GatewayTests.Support;
using JitGrains.IdentityTests.Provider;

namespace JitGrains.IdentityTests.SignIn;

/// <summary>A whole process, signed in to at a real provider, whose clients they are.</summary>
internal sealed partial class Console : IAsyncDisposable
{
    public const string Policy = """
        version: 1
        realm: corp
        groups: {engineering: {}, managers: {}}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}"}
              orders.export: {methods: [GET], path: "/orders/{order}/export"}
              orders.delete: {methods: [DELETE], path: "/orders/{order}", binding: resource, hold: {default: 1s, cap: 5s}}
        rules:
          - {name: read, who: {groups: [engineering, managers]}, actions: {names: [orders.read]}, effect: allow}
          - {name: export, who: {groups: [engineering]}, actions: {names: [orders.export]}, effect: allow, sign_in: {max_age: 10m, acr: [mfa], amr: [otp]}}
          - {name: delete, who: {groups: [engineering]}, actions: {names: [orders.delete]}, effect: approve, approve: {stages: [{groups: [managers], sign_in: {acr: [mfa]}}]}}
        """;

    private Console(OidcProvider provider, GatewayFixture process, OrdersUpstream upstream) => (Provider, Process, Upstream) = (provider, process, upstream);

    public OidcProvider Provider { get; }

    public GatewayFixture Process { get; }

    private OrdersUpstream Upstream { get; }

    public static async Task<Console> Start()
    {
        var port = FreePort();
        var address = $"http://127.0.0.1:{port}";
        var provider = await OidcProvider.Start($"{address}/signin/callback/corp", $"{address}/signedout");
        var upstream = await OrdersUpstream.Start();
        var secret = Path.Combine(Directory.CreateTempSubdirectory("jitgrains-client-").FullName, "secret");
        await File.WriteAllTextAsync(secret, OidcProvider.Secret);
        var process = await GatewayFixture.Start(upstream.Address, Policy, settings: new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["ControlPort"] = $"{port}",
            ["PublicUrl"] = address,
            ["Operators:0"] = "corp:auditors",
            ["Issuers:0:Realm"] = "corp",
            ["Issuers:0:Issuer"] = provider.Issuer,
            ["Issuers:0:Audiences:0"] = OidcProvider.Audience,
            ["SignIn:Providers:0:Realm"] = "corp",
            ["SignIn:Providers:0:Name"] = "Example Corp",
            ["SignIn:Providers:0:ClientId"] = OidcProvider.Web,
            ["SignIn:Providers:0:ClientSecretFile"] = secret,
            ["SignIn:Providers:0:Scopes"] = "openid groups",
            ["SignIn:Providers:0:SignedOutRedirect"] = "true",
            ["SignIn:Providers:0:CliClientId"] = OidcProvider.Cli,
            ["SignIn:Providers:0:CliScopes"] = "openid offline_access groups",
        });
        return new Console(provider, process, upstream);
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        await Upstream.DisposeAsync();
        await Provider.DisposeAsync();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>A person with a browser that keeps cookies, follows redirects and fills in the provider's form. For one test at a time.</summary>
    internal sealed partial class Person(Console console, string name) : IDisposable
    {
        private readonly CookieContainer cookies = new();
        private HttpClient? http;

        private HttpClient Http => http ??= new HttpClient(new SocketsHttpHandler { CookieContainer = cookies });

        public bool SecondFactor { get; set; }

        /// <summary>Goes to an address and wherever it leads; signs in where the provider asks. The page at the end.</summary>
        public async Task<(Uri At, HttpStatusCode Status, string Body)> Visit(string path)
        {
            using var page = await Http.GetAsync(new Uri(console.Process.Control, path));
            var (at, status, body) = (page.RequestMessage!.RequestUri!, page.StatusCode, await page.Content.ReadAsStringAsync());
            if (FormAction().Match(body) is not { Success: true } form)
                return (at, status, body);
            var fields = new List<KeyValuePair<string, string>> { new("login", name) };
            if (SecondFactor)
                fields.Add(new("second_factor", "on"));
            using var content = new FormUrlEncodedContent(fields);
            using var after = await Http.PostAsync(new Uri(at, form.Groups[1].Value), content);
            return (after.RequestMessage!.RequestUri!, after.StatusCode, await after.Content.ReadAsStringAsync());
        }

        /// <summary>A call of the API as a page of the console makes it.</summary>
        public async Task<Answer> Call(string method, string path, object? json = null)
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), new Uri(console.Process.Control, path));
            request.Headers.Add("Jit-Page", "1");
            request.Headers.Add("Origin", console.Process.Control.GetLeftPart(UriPartial.Authority));
            request.Headers.Add("Sec-Fetch-Site", "same-origin");
            if (json is not null)
                request.Content = new StringContent(System.Text.Json.JsonSerializer.Serialize(json), Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
            return await Answer.Of(await Http.SendAsync(request));
        }

        public async Task<Answer> Vote(string request)
        {
            var digest = (await Call("GET", $"/api/v1/requests/{request}")).Json["request"]!["digest"]!.GetValue<string>();
            return await Call("POST", $"/api/v1/requests/{request}/votes", new { decision = "approve", digest });
        }

        public void Dispose() => http?.Dispose();

        [GeneratedRegex("<form method=\"post\" action=\"(/interaction/[^\"]+)\">")]
        private static partial Regex FormAction();
    }
}
