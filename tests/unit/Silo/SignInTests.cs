using System.Buffers.Text;
using System.Collections.Specialized;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Silo;
using JitGrains.Silo.SignIn;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Http;

namespace JitGrains.UnitTests.Silo;

/// <summary>Signing in with a browser: what each step demands, and what a session is worth afterwards.</summary>
public sealed class SignInTests : IAsyncLifetime
{
    private const string Client = "console";

    private SiloHost host = null!;
    private SignInBrowser browser = null!;

    public async Task InitializeAsync()
    {
        host = await SiloHost.StartAsync(configure: WithSignIn);
        browser = new SignInBrowser(host);
    }

    public async Task DisposeAsync()
    {
        browser.Dispose();
        await host.DisposeAsync();
    }

    internal static SiloOptions WithSignIn(SiloOptions options, string issuer) =>
        options with { SignIn = new SignInOptions { Providers = [new SignInProvider { Realm = "dev", ClientId = Client, Scopes = "openid groups" }] } };

    [Fact]
    public async Task A_sign_in_asks_by_code_with_PKCE_and_ends_in_a_session_that_calls_the_API()
    {
        var begun = await browser.Send("GET", "/signin?return=%2Fapi%2Fv1%2Fme");
        Assert.StartsWith(host.Issuer.Issuer + "/auth?", begun.Location, StringComparison.Ordinal);
        var asked = System.Web.HttpUtility.ParseQueryString(new Uri(begun.Location!).Query);
        Assert.Equal(
            ("code", Client, "https://jit.example.com/signin/callback/dev", "openid groups", "S256"),
            (asked["response_type"], asked["client_id"], asked["redirect_uri"], asked["scope"], asked["code_challenge_method"]));
        Assert.All(browser.Set, line => AssertAttributes(line));

        Assert.Equal("/api/v1/me", await browser.SignIn("bob", "managers", "?return=%2Fapi%2Fv1%2Fme"));
        Assert.All(browser.Set, line => AssertAttributes(line));
        var session = Assert.Single(browser.Cookies);
        Assert.Equal("__Host-jitgrains", session.Key);
        var me = JsonNode.Parse((await browser.Send("GET", "/api/v1/me")).Body)!;
        Assert.Equal(("dev:user:bob", "dev:managers"), (me["principal"]!.GetValue<string>(), me["groups"]![0]!.GetValue<string>()));

        var home = await browser.Send("GET", "/");
        Assert.Contains("dev:user:bob", home.Body, StringComparison.Ordinal);
        Assert.Equal("default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", home.Response.Headers.GetValues("Content-Security-Policy").Single());
    }

    /// <summary>What a hostile or broken answer changes, and what then stands on the page. Nobody is signed in by any of them.</summary>
    public static TheoryData<string, string, string> Hostile => new()
    {
        { "no state", "state=", "another sign-in" },
        { "another state", "state=AAAA", "another sign-in" },
        { "the state twice", "state=$STATE&state=$STATE", "another sign-in" },
        { "no code", "state=$STATE&iss=$ISS", "no code" },
        { "no iss from a provider that promises one", "state=$STATE&code=c", "not the provider" },
        { "another issuer's answer", "state=$STATE&code=c&iss=https%3A%2F%2Fevil.example.com", "not the provider" },
        { "both issuers", "state=$STATE&code=c&iss=$ISS&iss=https%3A%2F%2Fevil.example.com", "not the provider" },
        { "refused", "state=$STATE&error=access_denied&iss=$ISS", "refused" },
        { "an error with markup", "state=$STATE&error=%3Cscript%3E&error_description=%3Cscript%3Ealert%281%29%3C%2Fscript%3E&iss=$ISS", "could not sign you in" },
        { "a code that is not taken", "state=$STATE&code=stolen&iss=$ISS", "did not take the code" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public async Task An_answer_that_is_not_the_providers_to_this_sign_in_signs_nobody_in(string what, string query, string says)
    {
        Assert.NotEmpty(what);
        var asked = await browser.Begin();
        host.Issuer.Token = Redeems(host, asked, static _ => { });
        var ended = await browser.Send("GET", "/signin/callback/dev?" + query
            .Replace("$STATE", asked["state"], StringComparison.Ordinal)
            .Replace("$ISS", Uri.EscapeDataString(host.Issuer.Issuer), StringComparison.Ordinal));
        Assert.True(ended.Status == 400 && ended.Body.Contains(says, StringComparison.Ordinal), ended.Body);
        Assert.DoesNotContain("<script", ended.Body, StringComparison.Ordinal);
        Assert.Empty(browser.Cookies);
    }

    /// <summary>ID tokens that are refused.</summary>
    public static TheoryData<string, Action<JsonObject>, string> IdTokens => new()
    {
        { "another sign-in's nonce", c => c["nonce"] = "other", "claims-malformed" },
        { "no nonce", c => c.Remove("nonce"), "claims-malformed" },
        { "the audience of bearer tokens", c => c["aud"] = "jitgrains", "audience-wrong" },
        { "another client among the audiences", c => c["aud"] = new JsonArray(Client, "other"), "audience-wrong" },
        { "another authorized party", c => c["azp"] = "other", "audience-wrong" },
        { "another issuer", c => c["iss"] = "https://evil.example.com", "issuer-unknown" },
        { "over", c => c["exp"] = 1, "token-expired" },
        { "no groups to be had", c => c["hasgroups"] = true, "groups-incomplete" },
        { "through an agent", c => c["act"] = new JsonObject { ["sub"] = "bot" }, "in person" },
    };

    [Theory]
    [MemberData(nameof(IdTokens))]
    public async Task An_ID_token_that_is_not_of_this_sign_in_signs_nobody_in(string what, Action<JsonObject> change, string says)
    {
        Assert.NotEmpty(what);
        var asked = await browser.Begin();
        host.Issuer.Token = Redeems(host, asked, change);
        var ended = await browser.Send("GET", $"/signin/callback/dev?code=c&state={asked["state"]}&iss={Uri.EscapeDataString(host.Issuer.Issuer)}");
        Assert.True(ended.Status == 400 && (ended.Body.Contains(says, StringComparison.Ordinal) || (says == "in person" && ended.Body.Contains("themselves", StringComparison.Ordinal))), ended.Body);
        Assert.Empty(browser.Cookies);
    }

    [Fact]
    public async Task An_answer_without_the_browser_that_began_or_after_a_quarter_of_an_hour_or_a_second_time_is_refused()
    {
        var asked = await browser.Begin();
        host.Issuer.Token = Redeems(host, asked, static _ => { });
        var path = $"/signin/callback/dev?code=c&state={asked["state"]}&iss={Uri.EscapeDataString(host.Issuer.Issuer)}";
        using var other = new SignInBrowser(host);
        Assert.Equal(400, (await other.Send("GET", path)).Status);
        // Sealed: what a browser changes in it is noticed.
        var kept = browser.Cookies["__Host-jitgrains-signin"];
        other.Cookies["__Host-jitgrains-signin"] = kept[..^4] + (kept.EndsWith("AAAA", StringComparison.Ordinal) ? "BBBB" : "AAAA");
        Assert.Equal(400, (await other.Send("GET", path)).Status);

        host.Time.Advance(TimeSpan.FromMinutes(15));
        Assert.Equal(400, (await browser.Send("GET", path)).Status);
        Assert.Empty(browser.Cookies);
        await browser.SignIn("bob", "managers");
        Assert.Equal(400, (await browser.Send("GET", path)).Status);
    }

    [Theory]
    [InlineData("//evil.example.com")]
    [InlineData("/\\evil.example.com")]
    [InlineData("https://evil.example.com/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/a\\b")]
    public async Task Nobody_is_sent_elsewhere_afterwards(string to) =>
        Assert.Equal("/", await browser.SignIn("bob", "managers", "?return=" + Uri.EscapeDataString(to)));

    [Fact]
    public async Task What_changes_something_needs_a_page_of_ours()
    {
        await browser.SignIn("bob", "managers");
        var id = await host.Raise(Sample.Ask());
        var digest = JsonNode.Parse((await browser.Send("GET", $"/api/v1/requests/{id}")).Body)!["request"]!["digest"]!.GetValue<string>();
        var vote = $$"""{"decision":"approve","digest":"{{digest}}"}""";
        var path = $"/api/v1/requests/{id}/votes";
        const string own = "https://jit.example.com";
        (string, string)[][] forged =
        [
            [],
            [("Jit-Page", "1")],
            [("Sec-Fetch-Site", "same-origin")],
            [("Jit-Page", "1"), ("Sec-Fetch-Site", "cross-site"), ("Origin", own)],
            [("Jit-Page", "1"), ("Sec-Fetch-Site", "same-site"), ("Origin", "https://other.example.com")],
            [("Jit-Page", "1"), ("Sec-Fetch-Site", "none")],
            [("Jit-Page", "1"), ("Sec-Fetch-Site", "same-origin"), ("Origin", "https://evil.example.com")],
            [("Jit-Page", "1"), ("Origin", "null")],
            [("Jit-Page", "1"), ("Origin", "https://jit.example.com.evil.example")],
            [("Jit-Page", "1"), ("Origin", "http://jit.example.com")],
        ];
        foreach (var headers in forged)
        {
            var refused = await browser.Send("POST", path, vote, headers);
            Assert.True(refused.Status == 403 && refused.Body.Contains("cross-site", StringComparison.Ordinal), string.Join(' ', headers));
            Assert.Equal(403, (await browser.Send("POST", "/signout", null, [.. headers.Where(h => h.Item1 != "Sec-Fetch-Site" || h.Item2 != "same-origin"), ("Sec-Fetch-Site", "cross-site")])).Status);
        }

        // Whoever has a token needs no page; and a cookie beside it counts for nothing.
        Assert.Equal(401, (await browser.Send("POST", path, vote, ("Authorization", "Bearer x"))).Status);
        Assert.Equal(200, (await browser.Page("POST", path, vote)).Status);
    }

    [Fact]
    public async Task A_session_ends_by_sign_out_by_time_by_its_person_and_by_a_block_and_the_secret_opens_nothing_afterwards()
    {
        await browser.SignIn("bob", "managers");
        var stolen = browser.Cookies["__Host-jitgrains"];
        Assert.Equal(200, (await browser.Send("POST", "/signout", null, ("Sec-Fetch-Site", "same-origin"))).Status);
        Assert.Empty(browser.Cookies);
        await Over(stolen);

        await browser.SignIn("bob", "managers");
        host.Time.Advance(TimeSpan.FromMinutes(30));
        await Over(browser.Cookies["__Host-jitgrains"]);

        await browser.SignIn("bob", "managers");
        using var laptop = new SignInBrowser(host);
        await laptop.SignIn("bob", "managers");
        var sessions = JsonNode.Parse((await browser.Send("GET", "/api/v1/me/sessions")).Body)!["items"]!.AsArray();
        Assert.Equal(2, sessions.Count);
        var others = sessions.Single(s => !s!["current"]!.GetValue<bool>())!["id"]!.GetValue<string>();
        Assert.Equal(204, (await browser.Page("DELETE", $"/api/v1/me/sessions/{others}")).Status);
        await Over(laptop.Cookies["__Host-jitgrains"]);
        Assert.Equal(404, (await browser.Page("DELETE", $"/api/v1/me/sessions/{others}")).Status);

        Assert.Equal(200, (await host.As("olga", "PUT", "/api/v1/blocks/dev:user:bob", """{"reason":"gone"}""")).Status);
        await Over(browser.Cookies["__Host-jitgrains"]);
        Assert.Equal((403, "blocked"), ((await host.As("bob", "GET", "/api/v1/me")).Status, (await host.As("bob", "GET", "/api/v1/me")).Problem));
        var asked = await laptop.Begin();
        host.Issuer.Token = Redeems(host, asked, c => c["sub"] = "bob");
        Assert.Equal(403, (await laptop.Send("GET", $"/signin/callback/dev?code=c&state={asked["state"]}&iss={Uri.EscapeDataString(host.Issuer.Issuer)}")).Status);
        Assert.DoesNotContain("__Host-jitgrains", laptop.Cookies.Keys);
        Assert.Equal(200, (await host.As("olga", "DELETE", "/api/v1/blocks/dev:user:bob")).Status);
        await Over(browser.Cookies.GetValueOrDefault("__Host-jitgrains", stolen));
    }

    [Fact]
    public async Task A_vote_in_an_old_session_says_where_to_sign_in_again_and_counts_after_that()
    {
        await browser.SignIn("bob", "managers", change: c => c["auth_time"] = host.Time.GetUtcNow().AddMinutes(-9).ToUnixTimeSeconds());
        var id = await host.Raise(Sample.Ask(terms: Sample.Terms(Sample.Stage() with { SignIn = new() { MaxAgeSeconds = 300, Acr = ["gold"] } })));
        var digest = JsonNode.Parse((await browser.Send("GET", $"/api/v1/requests/{id}")).Body)!["request"]!["digest"]!.GetValue<string>();
        var vote = $$"""{"decision":"approve","digest":"{{digest}}"}""";

        var needed = await browser.Page("POST", $"/api/v1/requests/{id}/votes", vote);
        Assert.Equal(401, needed.Status);
        var again = JsonNode.Parse(needed.Body)!["sign_in"]!.GetValue<string>();
        Assert.Equal("/signin?realm=dev&max_age=300&acr_values=gold&again=true", again);

        // The provider is asked for it, and not believed to have done it.
        var asked = await browser.Begin(again["/signin".Length..]);
        Assert.Equal(("300", "gold", "login"), (asked["max_age"], asked["acr_values"], asked["prompt"]));
        host.Issuer.Token = Redeems(host, asked, c => c["auth_time"] = host.Time.GetUtcNow().ToUnixTimeSeconds());
        var weak = await browser.Send("GET", $"/signin/callback/dev?code=c&state={asked["state"]}&iss={Uri.EscapeDataString(host.Issuer.Issuer)}");
        Assert.True(weak.Status == 400 && weak.Body.Contains("not as is needed here", StringComparison.Ordinal), weak.Body);

        await browser.SignIn("bob", "managers", again["/signin".Length..], c =>
        {
            c["auth_time"] = host.Time.GetUtcNow().ToUnixTimeSeconds();
            c["acr"] = "gold";
        });
        Assert.Equal(200, (await browser.Page("POST", $"/api/v1/requests/{id}/votes", vote)).Status);
        host.Time.Advance(TimeSpan.FromMinutes(11));
        var other = await host.Raise(Sample.Ask(2, resource: "order=43"));
        Assert.Equal(401, (await browser.Page("POST", $"/api/v1/requests/{other}/votes", vote)).Status);
    }

    [Fact]
    public async Task A_new_sign_in_takes_the_place_of_the_browsers_session()
    {
        await browser.SignIn("bob", "managers");
        var first = browser.Cookies["__Host-jitgrains"];
        await browser.SignIn("carol", "managers");
        Assert.NotEqual(first, browser.Cookies["__Host-jitgrains"]);
        await Over(first);
    }

    [Fact]
    public async Task Somebody_elses_name_in_front_of_a_secret_opens_nothing()
    {
        await browser.SignIn("bob", "managers");
        var secret = browser.Cookies["__Host-jitgrains"].Split('.')[1];
        await Over($"{Base64Url.EncodeToString("dev:user:olga"u8)}.{secret}");
        foreach (var garbage in new[] { "x", ".", "a.b", new string('a', 2000), $"{Base64Url.EncodeToString("dev:user:olga"u8)}.", $"%00.{secret}" })
            await Over(garbage);
    }

    internal static Func<IFormCollection, object?> Redeems(SiloHost host, NameValueCollection asked, Action<JsonObject> change) => form =>
    {
        var challenge = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(form["code_verifier"].ToString())));
        if (form["grant_type"] != "authorization_code" || form["code"] != "c" || form["client_id"] != Client || form["redirect_uri"] != asked["redirect_uri"] || challenge != asked["code_challenge"])
            return null;
        var claims = host.Issuer.Claims(host.Time.GetUtcNow());
        claims["aud"] = Client;
        claims["nonce"] = asked["nonce"];
        change(claims);
        return new { access_token = "opaque", token_type = "Bearer", id_token = host.Issuer.Sign(claims) };
    };

    private static void AssertAttributes(string line)
    {
        Assert.StartsWith("__Host-jitgrains", line, StringComparison.Ordinal);
        var attributes = line.Split("; ")[1..].Select(a => a.ToLowerInvariant()).ToHashSet(StringComparer.Ordinal);
        Assert.Superset(new HashSet<string>(["path=/", "secure", "samesite=lax", "httponly"], StringComparer.Ordinal), attributes);
        Assert.DoesNotContain(attributes, a => a.StartsWith("domain", StringComparison.Ordinal));
    }

    private async Task Over(string cookie)
    {
        using var thief = new SignInBrowser(host);
        thief.Cookies["__Host-jitgrains"] = cookie;
        var answer = await thief.Send("GET", "/api/v1/me");
        Assert.True(answer.Status == 401 && answer.Body.Contains("session-over", StringComparison.Ordinal), answer.Body);
    }
}
