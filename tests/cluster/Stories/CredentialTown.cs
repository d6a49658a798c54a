using System.Net;
using System.Web;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Stories;

/// <summary>Three gateways and two silos, at which one signs in with a browser too. A gateway that does not answer is waited out in seconds.</summary>
public sealed class CredentialTown : Town
{
    private readonly HttpClient browsers = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { Timeout = TimeSpan.FromMinutes(2) };

    /// <summary>Where people find the silos, as if a load balancer stood there.</summary>
    internal const string Page = "http://127.0.0.1:9";

    protected override int GatewayCount => 3;

    protected override bool AnswersDirectly => false;

    protected override IReadOnlyDictionary<string, string> More => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["AllowMaxStale"] = "00:00:06",
        ["PublicUrl"] = Page,
        ["SignIn__Providers__0__Realm"] = "dev",
        ["SignIn__Providers__0__ClientId"] = "console",
    };

    public override async Task DisposeAsync()
    {
        browsers.Dispose();
        await base.DisposeAsync();
    }

    /// <summary>Has dave make a key that may read orders, owned by bob; its text.</summary>
    internal async Task<string> NewKey(int silo, string name)
    {
        var made = await Ask(silo, Dave, "POST", "keys", new { name, owner = Bob.Principal, expires_in = 86_400, groups = new[] { "importers" }, actions = new[] { "orders.read" } });
        Assert.True(made.Succeeded, made.Body);
        return made.Json["secret"]!.GetValue<string>();
    }

    /// <summary>Reads an order by a key, through a gateway.</summary>
    internal Task<Answer> Read(int gateway, string key, string order, Client? client = null) =>
        (client ?? Client).Send("GET", new Uri(Cluster.Gateways[gateway].Process.Gateway, $"/orders/{order}"), key, null, null, default, ("Host", "orders.example.com"));

    /// <summary>Signs somebody in: begun at one silo, ended at another. The session's cookie.</summary>
    internal async Task<string> SignIn(int begun, int ended, string name, params string[] groups)
    {
        using var begin = await Browse(begun, HttpMethod.Get, "/signin");
        Assert.Equal(HttpStatusCode.Redirect, begin.StatusCode);
        var asked = HttpUtility.ParseQueryString(begin.Headers.Location!.Query);
        Assert.Equal("S256", asked["code_challenge_method"]);
        var code = Issuer.Code(name, groups, asked["nonce"]!, asked["code_challenge"]!);
        using var end = await Browse(ended, HttpMethod.Get, $"/signin/callback/dev?code={code}&state={asked["state"]}", CookieOf(begin, "jitgrains-signin"));
        Assert.True(end.StatusCode == HttpStatusCode.Redirect, await end.Content.ReadAsStringAsync());
        return CookieOf(end, "jitgrains");
    }

    /// <summary>A request as a page of ours makes it, at a silo.</summary>
    internal async Task<HttpResponseMessage> Browse(int silo, HttpMethod method, string path, string? cookie = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(Cluster.Silos[silo].Process.Control, path));
        request.Headers.Add("Jit-Page", "1");
        request.Headers.Add("Origin", Page);
        request.Headers.Add("Sec-Fetch-Site", "same-origin");
        if (cookie is not null)
            request.Headers.Add("Cookie", cookie);
        return await browsers.SendAsync(request);
    }

    /// <summary>How a silo answers who one is.</summary>
    internal async Task<HttpStatusCode> Me(int silo, string cookie)
    {
        using var answer = await Browse(silo, HttpMethod.Get, "/api/v1/me", cookie);
        return answer.StatusCode;
    }

    private static string CookieOf(HttpResponseMessage answer, string name) =>
        answer.Headers.GetValues("Set-Cookie").Single(c => c.StartsWith(name + "=", StringComparison.Ordinal) && !c.StartsWith(name + "=;", StringComparison.Ordinal)).Split(';')[0];
}
