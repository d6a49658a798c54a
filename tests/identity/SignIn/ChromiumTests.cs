using System.Net;
using System.Text.Json;
using JitGrains.GatewayTests.Support;
using JitGrains.IdentityTests.Provider;
using Microsoft.AspNetCore.Http;
using Microsoft.Playwright;

namespace JitGrains.IdentityTests.SignIn;

/// <summary>
/// The real browser (Debian's chromium, driven by Playwright), the real provider, and our pages: what browsers make of cookies, headers and
/// other sites' requests is theirs to say.
/// </summary>
public sealed class ChromiumTests : IAsyncLifetime
{
    private const string Program = "/usr/bin/chromium";
    private const float Patience = 120_000;

    private Console console = null!;
    private IPlaywright playwright = null!;
    private IBrowser browser = null!;
    private IPage page = null!;

    private Uri Home => console.Process.Control;

    public async Task InitializeAsync()
    {
        Assert.True(File.Exists(Program), "There is no chromium; ./test installs it (Debian's package chromium).");
        console = await Console.Start();
        playwright = await Playwright.CreateAsync();
        // Its own sandbox cannot be had by root, nor in most containers.
        browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Program, Args = ["--no-sandbox", "--disable-dev-shm-usage"], Timeout = Patience });
        var context = await browser.NewContextAsync(new() { ViewportSize = new() { Width = 900, Height = 640 } });
        context.SetDefaultTimeout(Patience);
        page = await context.NewPageAsync();
    }

    public async Task DisposeAsync()
    {
        // Where it could not start, there is less to stop.
        if (browser is not null)
            await browser.DisposeAsync();
        playwright?.Dispose();
        if (console is not null)
            await console.DisposeAsync();
    }

    [Fact]
    public async Task A_person_signs_in_sees_what_waits_steps_up_approves_and_signs_out_everywhere()
    {
        var alice = (await console.Provider.SignIn("alice")).Access;
        var request = (await console.Process.Send("DELETE", "/orders/42", alice, null, ("Prefer", "wait=0"))).Json["task"]!["id"]!.GetValue<string>();

        await SignIn("/", "bob");
        Assert.Equal((Home, "Signed in - JitGrains"), (new Uri(page.Url), await page.TitleAsync()));
        Assert.Contains("corp:user:bob", await page.InnerTextAsync("main"), StringComparison.Ordinal);
        await Picture("signed-in");

        // What waits, as the browser shows the answer.
        await Eventually.Get(async () =>
        {
            await page.GotoAsync(At("/api/v1/requests?status=pending"));
            return (await page.InnerTextAsync("body")).Contains(request, StringComparison.Ordinal) ? "shown" : null;
        });
        await page.GotoAsync(At($"/api/v1/requests/{request}"));
        var digest = JsonDocument.Parse(await page.InnerTextAsync("body")).RootElement.GetProperty("request").GetProperty("digest").GetString()!;

        // The stage wants a second factor: the answer says where to sign in with one, and the provider asks though it knows bob.
        var weak = await Vote(request, digest);
        Assert.Equal(401, weak.Status);
        await SignIn(JsonDocument.Parse(weak.Body).RootElement.GetProperty("sign_in").GetString()!, "bob");
        Assert.Equal("Signed in - JitGrains", await page.TitleAsync());
        await page.GotoAsync(At("/api/v1/me"));
        Assert.Contains("\"acr\":\"mfa\"", await page.InnerTextAsync("body"), StringComparison.Ordinal);
        var strong = await Vote(request, digest);
        Assert.True(strong.Status == 200, strong.Body);
        await Eventually.Get(async () => (await console.Process.Send("DELETE", "/orders/42", alice, null, ("Jit-Request", request))).Status == HttpStatusCode.OK ? "run" : null);

        await page.GotoAsync(At("/"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.WaitForURLAsync(At("/signout"));
        Assert.Contains("You are signed out here.", await page.InnerTextAsync("main"), StringComparison.Ordinal);
        Assert.DoesNotContain(await page.Context.CookiesAsync([At("/")]), c => c.Name == "jitgrains");
        await Picture("signed-out");
        await page.GotoAsync(At("/api/v1/me"));
        Assert.Contains("token-missing", await page.InnerTextAsync("body"), StringComparison.Ordinal);

        // Signing out leads on to the provider, which asks whether that is meant, and back.
        await SignIn("/signin", "bob");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Sign out at Example Corp too" }).ClickAsync();
        await page.WaitForURLAsync(console.Provider.Issuer + "/**");
        await page.GetByRole(AriaRole.Button, new() { Name = "Yes, sign me out" }).ClickAsync();
        await page.WaitForURLAsync(At("/signedout"));
        Assert.Contains("You are signed out.", await page.InnerTextAsync("main"), StringComparison.Ordinal);
        await page.GotoAsync(At("/signin"));
        Assert.StartsWith(console.Provider.Issuer, page.Url, StringComparison.Ordinal);
        Assert.Equal(1, await page.Locator("input[name=login]").CountAsync());
    }

    [Fact]
    public async Task Cookies_are_out_of_reach_of_scripts_and_pages_run_none()
    {
        await SignIn("/", "bob");
        var cookie = Assert.Single(await page.Context.CookiesAsync([At("/")]), c => c.Name == "jitgrains");
        // Over plain http on loopback there is neither Secure nor the prefix that needs it (SignInTests have them).
        Assert.Equal((true, SameSiteAttribute.Lax, "/", -1f, "127.0.0.1"), (cookie.HttpOnly, cookie.SameSite, cookie.Path, cookie.Expires, cookie.Domain));
        Assert.Equal("", await page.EvaluateAsync<string>("document.cookie"));
        // A script that somebody got into the page would not run, nor fetch, nor be framed.
        Assert.False(await page.EvaluateAsync<bool>("() => { const s = document.createElement('script'); s.textContent = 'window.ran = true'; document.body.append(s); return window.ran === true; }"));
        Assert.Equal("refused", await page.EvaluateAsync<string>("fetch('/api/v1/me').then(() => 'sent', () => 'refused')"));
        await using var other = await OrdersUpstream.Start(c => Html(c, $"<iframe src=\"{At("/")}\"></iframe>"));
        await page.GotoAsync(other.Address.ToString());
        var frame = page.Frames.Single(f => f.ParentFrame is not null);
        Assert.DoesNotContain("corp:user:bob", await frame.ContentAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_site_changes_nothing_in_the_name_of_who_is_signed_in()
    {
        var alice = (await console.Provider.SignIn("alice")).Access;
        var request = (await console.Process.Send("DELETE", "/orders/7", alice, null, ("Prefer", "wait=0"))).Json["task"]!["id"]!.GetValue<string>();
        await SignIn(QueryOf("mfa"), "bob");
        await Eventually.Get(async () =>
        {
            await page.GotoAsync(At($"/api/v1/requests/{request}"));
            return (await page.InnerTextAsync("body")).Contains("digest", StringComparison.Ordinal) ? "shown" : null;
        });
        var digest = JsonDocument.Parse(await page.InnerTextAsync("body")).RootElement.GetProperty("request").GetProperty("digest").GetString()!;
        var vote = At($"/api/v1/requests/{request}/votes");

        // 127.0.0.1 with another port is the same site, and gets the cookie; localhost is another one.
        await using var evil = await OrdersUpstream.Start(c => Html(c, $"<form method=post action=\"{At("/signout")}\"><button>Prize</button></form>"));
        foreach (var address in new[] { evil.Address.ToString(), evil.Address.ToString().Replace("127.0.0.1", "localhost", StringComparison.Ordinal) })
        {
            await page.GotoAsync(address);
            var told = await page.RunAndWaitForResponseAsync(() => page.GetByRole(AriaRole.Button).ClickAsync(), r => r.Url == At("/signout"));
            Assert.Equal(403, told.Status);
            await page.GotoAsync(address);
            const string Fetch = "([address, digest, page]) => fetch(address, {method: 'POST', credentials: 'include', mode: page ? 'cors' : 'no-cors', headers: page ? {'Jit-Page': '1', 'Content-Type': 'application/json'} : {}, body: JSON.stringify({decision: 'approve', digest})}).then(r => r.type + r.status, () => 'refused')";
            Assert.Equal("opaque0", await page.EvaluateAsync<string>(Fetch, new object[] { vote, digest, false }));
            Assert.Equal("refused", await page.EvaluateAsync<string>(Fetch, new object[] { vote, digest, true }));
            Assert.Equal("refused", await page.EvaluateAsync<string>("address => fetch(address, {credentials: 'include'}).then(r => r.text(), () => 'refused')", At("/api/v1/me")));
        }

        // Still signed in, and nobody has voted; by our own page bob does.
        await page.GotoAsync(At($"/api/v1/requests/{request}"));
        var shown = JsonDocument.Parse(await page.InnerTextAsync("body")).RootElement.GetProperty("request");
        Assert.Equal("pending", shown.GetProperty("status").GetString());
        Assert.Equal(200, (await Vote(request, digest)).Status);
    }

    private static string QueryOf(string acr) => $"/signin?acr_values={acr}&again=true";

    private static Task Html(HttpContext context, string body)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(body);
    }

    private string At(string path) => new Uri(Home, path).AbsoluteUri;

    /// <summary>Goes to an address that leads to the provider, and signs in there as one does.</summary>
    private async Task SignIn(string path, string name)
    {
        await page.GotoAsync(At(path));
        Assert.StartsWith(console.Provider.Issuer, page.Url, StringComparison.Ordinal);
        await page.FillAsync("input[name=login]", name);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await page.WaitForURLAsync(At("/"));
    }

    /// <summary>Votes by a script of our origin, as the page of a console does. An answer of the API stands for the page: it may fetch.</summary>
    private async Task<(int Status, string Body)> Vote(string request, string digest)
    {
        await page.GotoAsync(At($"/api/v1/requests/{request}"));
        var answer = await page.EvaluateAsync<JsonElement>(
            "([address, digest]) => fetch(address, {method: 'POST', headers: {'Jit-Page': '1', 'Content-Type': 'application/json'}, body: JSON.stringify({decision: 'approve', digest})}).then(async r => ({status: r.status, body: await r.text()}))",
            new[] { At($"/api/v1/requests/{request}/votes"), digest });
        return (answer.GetProperty("status").GetInt32(), answer.GetProperty("body").GetString()!);
    }

    /// <summary>For people, where a folder for them is named.</summary>
    private async Task Picture(string name)
    {
        if (Environment.GetEnvironmentVariable("JITGRAINS_PICTURES") is { Length: > 0 } folder)
            await page.ScreenshotAsync(new() { Path = Path.Combine(folder, name + ".png") });
    }
}
