using System.Net;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;
using JitGrains.IdentityTests.Provider;

namespace JitGrains.IdentityTests.SignIn;

/// <summary>Signing in to the control plane at a real provider, voting in the session, and stepping up.</summary>
public sealed class BrowserTests : IAsyncLifetime
{
    private Console console = null!;

    public async Task InitializeAsync() => console = await Console.Start();

    public async Task DisposeAsync() => await console.DisposeAsync();

    [Fact]
    public async Task A_person_signs_in_is_known_and_signs_out()
    {
        using var bob = new Console.Person(console, "bob");
        var home = await bob.Visit("/");
        Assert.True(home.Status == HttpStatusCode.OK && home.Body.Contains("corp:user:bob", StringComparison.Ordinal), home.Body);
        Assert.Equal(console.Process.Control, home.At);
        var me = (await bob.Call("GET", "/api/v1/me")).Json;
        Assert.Equal(("corp:user:bob", "corp:managers"), (me["principal"]!.GetValue<string>(), me["groups"]![0]!.GetValue<string>()));

        using var operating = new Console.Person(console, "dave");
        await operating.Visit("/signin");
        Assert.Equal("operator", (await operating.Call("GET", "/api/v1/me")).Json["roles"]![0]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.OK, (await operating.Call("GET", "/api/v1/audit?type=session.opened")).Status);

        Assert.Equal(HttpStatusCode.OK, (await bob.Call("POST", "/signout")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await bob.Call("GET", "/api/v1/me")).Status);
    }

    [Fact]
    public async Task An_approver_whose_sign_in_is_too_weak_is_led_to_a_stronger_one_and_the_vote_then_counts()
    {
        var alice = (await console.Provider.SignIn("alice")).Access;
        var held = await console.Process.Send("DELETE", "/orders/42", alice, null, ("Prefer", "wait=0"));
        Assert.Equal("approval-required", held.Problem);
        var request = held.Json["task"]!["id"]!.GetValue<string>();

        using var bob = new Console.Person(console, "bob");
        await bob.Visit("/signin");
        await Eventually.Get(async () => (await bob.Call("GET", $"/api/v1/requests/{request}")).Status == HttpStatusCode.OK ? "shown" : null);
        var weak = await bob.Vote(request);
        Assert.Equal((HttpStatusCode.Unauthorized, "sign-in-needed"), (weak.Status, weak.Problem));
        Assert.Contains("acr_values=\"mfa\"", weak.Header("WWW-Authenticate"), StringComparison.Ordinal);

        // The provider knows bob already, and asks again all the same, as it is told to. It signs in with what is asked for.
        var again = await bob.Visit(weak.Json["sign_in"]!.GetValue<string>());
        Assert.True(again.Status == HttpStatusCode.OK, again.Body);
        Assert.Equal("mfa", (await bob.Call("GET", "/api/v1/me")).Json["sign_in"]!["acr"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.OK, (await bob.Vote(request)).Status);
        await Eventually.Get(async () => (await console.Process.Send("DELETE", "/orders/42", alice, null, ("Jit-Request", request))).Status == HttpStatusCode.OK ? "run" : null);
    }

    [Fact]
    public async Task A_caller_whose_sign_in_is_too_weak_is_challenged_by_RFC_9470_and_let_through_after_a_stronger_one()
    {
        var weak = await console.Process.Send("GET", "/orders/42/export", (await console.Provider.SignIn("alice")).Access);
        Assert.Equal((HttpStatusCode.Unauthorized, "sign-in-needed"), (weak.Status, weak.Problem));
        Assert.Equal(
            "Bearer realm=\"jitgrains\", error=\"insufficient_user_authentication\", error_description=\"Another sign-in is needed\", acr_values=\"mfa\", max_age=\"600\"",
            weak.Header("WWW-Authenticate"));
        var strong = await console.Process.Send("GET", "/orders/42/export", (await console.Provider.SignIn("alice", factors: true)).Access);
        Assert.Equal(HttpStatusCode.OK, strong.Status);
        // Not by asking nicely: a workload has no sign-in at all, and dave is in no group of the rule.
        Assert.Equal(HttpStatusCode.Forbidden, (await console.Process.Send("GET", "/orders/42/export", (await console.Provider.SignIn("dave", factors: true)).Access)).Status);
    }

    [Fact]
    public async Task A_provider_that_is_down_signs_nobody_in_and_ends_no_session()
    {
        using var bob = new Console.Person(console, "bob");
        await bob.Visit("/signin");
        await console.Provider.Stop();
        Assert.Equal(HttpStatusCode.OK, (await bob.Call("GET", "/api/v1/me")).Status);
        await console.Provider.StartAgain();
        using var carol = new Console.Person(console, "carol");
        Assert.Equal(HttpStatusCode.OK, (await carol.Visit("/signin")).Status);
        Assert.Equal("corp:user:carol", JsonNode.Parse((await carol.Call("GET", "/api/v1/me")).Body)!["principal"]!.GetValue<string>());
    }
}
