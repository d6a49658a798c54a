using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;

namespace JitGrains.UnitTests.Silo;

/// <summary>A browser as far as the control plane can tell: keeps cookies, says where its requests come from, follows nothing by itself.</summary>
internal sealed class SignInBrowser(SiloHost host) : IDisposable
{
    private readonly HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = host.Address };

    /// <summary>Cookies by name.</summary>
    public Dictionary<string, string> Cookies { get; } = new(StringComparer.Ordinal);

    /// <summary>The Set-Cookie lines of the last answer.</summary>
    public IReadOnlyList<string> Set { get; private set; } = [];

    public async Task<(int Status, string? Location, string Body, HttpResponseMessage Response)> Send(
        string method, string path, string? body = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (Cookies.Count > 0)
            request.Headers.Add("Cookie", string.Join("; ", Cookies.Select(c => $"{c.Key}={c.Value}")));
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
        var response = await client.SendAsync(request);
        Set = response.Headers.TryGetValues("Set-Cookie", out var lines) ? [.. lines] : [];
        foreach (var line in Set)
        {
            var pair = line.Split(';')[0].Split('=', 2);
            if (line.Contains("expires=Thu, 01 Jan 1970", StringComparison.OrdinalIgnoreCase))
                Cookies.Remove(pair[0]);
            else
                Cookies[pair[0]] = pair[1];
        }

        return ((int)response.StatusCode, response.Headers.Location?.OriginalString, await response.Content.ReadAsStringAsync(), response);
    }

    /// <summary>A call that a page of ours makes.</summary>
    public Task<(int Status, string? Location, string Body, HttpResponseMessage Response)> Page(string method, string path, string? body = null) =>
        Send(method, path, body, ("Jit-Page", "1"), ("Sec-Fetch-Site", "same-origin"), ("Origin", "https://jit.example.com"));

    /// <summary>Begins a sign-in: what the provider is told.</summary>
    public async Task<System.Collections.Specialized.NameValueCollection> Begin(string query = "")
    {
        var begun = await Send("GET", "/signin" + query);
        Assert.Equal(302, begun.Status);
        return HttpUtility.ParseQueryString(new Uri(begun.Location!).Query);
    }

    /// <summary>Signs in whole, as the provider's token endpoint says; the path that it goes on at.</summary>
    public async Task<string> SignIn(string who, string group, string query = "", Action<JsonObject>? change = null)
    {
        var asked = await Begin(query);
        host.Issuer.Token = SignInTests.Redeems(host, asked, claims =>
        {
            claims["sub"] = who;
            claims["groups"] = new JsonArray(group);
            change?.Invoke(claims);
        });
        var ended = await Send("GET", $"/signin/callback/dev?code=c&state={asked["state"]}&iss={Uri.EscapeDataString(host.Issuer.Issuer)}");
        Assert.True(ended.Status == (int)HttpStatusCode.Found, ended.Body);
        return ended.Location!;
    }

    public void Dispose() => client.Dispose();
}
