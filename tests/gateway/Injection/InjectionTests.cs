using System.Net;
using System.Text;
using JitGrains.GatewayTests.Support;
using JitGrains.Silo;
using JitGrains.Silo.Policies;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Injection;

public sealed class InjectionTests : IDisposable
{
    private const string Secret = "s3cret-0123456789";
    private readonly SecretFiles files = new();

    public void Dispose() => files.Dispose();

    [Fact]
    public async Task A_header_is_the_gateways_and_nobody_elses()
    {
        await using var upstream = await OrdersUpstream.Start(context =>
        {
            context.Response.Headers["X-Key"] = "from upstream";
            context.Response.Headers["X-Echo"] = "you sent " + context.Request.Headers["X-Key"];
            context.Response.Headers["X-Other"] = "fine";
            return context.Response.WriteAsync("ok");
        });
        await using var gateway = await files.Start(upstream.Address, $"{{header: {{name: X-Key, value: \"{files.Write("key", Secret + "\n")}\", prefix: Key}}}}");
        var alice = await gateway.Token("alice");

        var answer = await gateway.Send("GET", "/open/a?b=1", alice, headers: [("X-Key", "mine"), ("x_key", "mine too"), ("X-Kept", "kept")]);
        Assert.Equal("ok", answer.Body);
        var seen = upstream.Seen.Last();
        Assert.Equal(($"Key {Secret}", "kept", "/open/a?b=1"), (seen.Headers["X-Key"], seen.Headers["X-Kept"], seen.Target));
        Assert.False(seen.Headers.ContainsKey("x_key"));
        Assert.Equal((null, null, "fine"), (answer.Header("X-Key"), answer.Header("X-Echo"), answer.Header("X-Other")));
    }

    [Fact]
    public async Task A_query_parameter_replaces_whatever_the_caller_calls_so()
    {
        await using var upstream = await OrdersUpstream.Start(context =>
        {
            context.Response.Headers.Location = $"/open/next?page=2&key={Uri.EscapeDataString(context.Request.Query["key"].ToString())}#end";
            context.Response.Headers.Link = $"</open/next?key={context.Request.Query["key"]}>";
            return Task.CompletedTask;
        });
        await using var gateway = await files.Start(upstream.Address, $"{{query: {{name: key, value: \"{files.Write("key", "a&b=c d0")}\"}}}}");
        var alice = await gateway.Token("alice");

        var answer = await gateway.Send("GET", "/open/a?x=%20y&key=mine&KEY=1&%6bey=2&+key=3&key[]=4&z=1;key=5&keys=6&last", alice);
        Assert.Equal("/open/a?x=%20y&keys=6&last&key=a%26b%3Dc%20d0", upstream.Seen.Last().Target);
        Assert.Equal(("/open/next?page=2#end", null), (answer.Header("Location"), answer.Header("Link")));
        await gateway.Send("GET", "/open/a", alice);
        Assert.Equal("/open/a?key=a%26b%3Dc%20d0", upstream.Seen.Last().Target);
    }

    [Fact]
    public async Task User_and_password_go_in_a_header()
    {
        await using var upstream = await OrdersUpstream.Start(c => c.Response.WriteAsync("ok"));
        await using var gateway = await files.Start(upstream.Address, $"{{basic: {{user: svc, password: \"{files.Write("password", "päss:word")}\"}}}}");
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/open/a", await gateway.Token("alice"))).Status);
        Assert.Equal("Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes("svc:päss:word")), upstream.Seen.Last().Headers["Authorization"]);
    }

    [Fact]
    public async Task Observed_calls_that_enforce_would_refuse_go_without()
    {
        await using var upstream = await OrdersUpstream.Start();
        foreach (var (credential, has) in new (string, Func<SeenCall, bool>)[]
        {
            ($"{{header: {{name: X-Key, value: \"{files.Write("key", Secret)}\"}}}}", c => c.Headers.ContainsKey("X-Key")),
            ($"{{query: {{name: key, value: \"{files.Reference("key")}\"}}}}", c => c.Target.Contains("key", StringComparison.Ordinal)),
        })
        {
            await using var gateway = await files.Start(upstream.Address, credential);
            var alice = await gateway.Token("alice");
            (string, string)[] mine = [("X-Key", "mine")];
            foreach (var (method, path) in new[] { ("POST", "/watched/a?key=mine"), ("PUT", "/watched/a?key=mine"), ("PATCH", "/watched/a?key=mine") })
            {
                Assert.Equal(HttpStatusCode.OK, (await gateway.Send(method, path, alice, headers: mine)).Status);
                Assert.False(has(upstream.Seen.Last()), $"{method} {credential}");
            }

            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/watched/a", alice, headers: mine)).Status);
            Assert.True(has(upstream.Seen.Last()));
        }
    }

    [Fact]
    public async Task A_changed_secret_is_taken_on_and_one_that_is_gone_refuses_calls_of_that_api_alone_and_uses_nothing_up()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await files.Start(upstream.Address, $"{{header: {{name: X-Key, value: \"{files.Write("key", Secret)}\"}}}}");
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        await gateway.Send("GET", "/open/a", alice);
        files.Write("key", "another-secret");
        await Eventually.Get(async () =>
        {
            await gateway.Send("GET", "/open/a", alice);
            return upstream.Seen.Last().Headers["X-Key"] == "another-secret" ? "" : null;
        });

        var asked = gateway.Send("POST", "/asked/a", alice, new { a = 1 }, ("Prefer", "wait=0"));
        var id = (await asked).Header("Jit-Request")!;
        await gateway.Vote(bob, id);
        await gateway.Settled(alice, id);
        files.Remove("key");
        await Eventually.Get(async () => (await gateway.Send("GET", "/open/a", alice)).Status == HttpStatusCode.ServiceUnavailable ? "" : null);
        var calls = upstream.Seen.Count;
        var refused = await gateway.Send("POST", "/asked/a", alice, new { a = 1 });
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "unavailable", calls), (refused.Status, refused.Problem, upstream.Seen.Count));
        Assert.DoesNotContain("key", refused.Body, StringComparison.Ordinal);
        // What enforce would refuse needs none.
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/watched/a", alice)).Status);

        // A header cannot have this value.
        files.Write("key", "two\nlines");
        await Eventually.Get(async () => (await gateway.Send("GET", "/open/a", alice)).Status == HttpStatusCode.ServiceUnavailable ? "" : null);
        files.Write("key", "a-third-secret");
        await Eventually.Get(async () => (await gateway.Send("GET", "/open/a", alice)).Status == HttpStatusCode.OK ? "" : null);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/asked/a", alice, new { a = 1 })).Status);
        Assert.Equal("a-third-secret", upstream.Seen.Last().Headers["X-Key"]);
        Assert.Equal(HttpStatusCode.Forbidden, (await gateway.Send("POST", "/asked/a", alice, new { a = 1 }, ("Prefer", "wait=0"))).Status);
    }

    [Fact]
    public async Task What_the_caller_sends_in_the_gateways_header_binds_nothing()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await files.Start(upstream.Address, $"{{header: {{name: X-Key, value: \"{files.Write("key", Secret)}\"}}}}");
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var held = gateway.Send("POST", "/asked/a", alice, new { a = 1 }, ("X-Key", "one"), ("Prefer", "wait=0"));
        var id = (await held).Header("Jit-Request")!;
        var shown = await gateway.Approver("GET", $"requests/{id}", bob);
        Assert.DoesNotContain(Secret, shown.Body, StringComparison.Ordinal);
        await gateway.Vote(bob, id);
        await gateway.Settled(alice, id);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/asked/a", alice, new { a = 1 }, ("X-Key", "two"))).Status);
        Assert.Equal(Secret, upstream.Seen.Last().Headers["X-Key"]);
    }

    [Fact]
    public async Task Policy_may_name_what_the_configuration_lets_it_and_send_it_there_only()
    {
        await using var upstream = await OrdersUpstream.Start();
        var reference = files.Write("key", Secret);
        await using var gateway = await files.Start(upstream.Address, $"{{header: {{name: X-Key, value: \"{reference}\"}}}}");
        var alice = await gateway.Token("alice");
        var provider = gateway.Services.GetRequiredService<PolicyProvider>();
        var version = provider.Current.Version;
        foreach (var (from, to) in new[]
        {
            (reference, "env:PATH"), (reference, "file:/etc/passwd"), (reference, "azure-key-vault:https://v.vault.azure.net/secrets/a"),
            ($"[{upstream.Address.GetLeftPart(UriPartial.Authority)}]", "[\"http://127.0.0.1:9\"]"),
            ($"[{upstream.Address.GetLeftPart(UriPartial.Authority)}]", $"[{upstream.Address.GetLeftPart(UriPartial.Authority)}, \"http://169.254.169.254\"]"),
        })
        {
            var policy = SecretFiles.Policy($"{{header: {{name: X-Key, value: \"{reference}\"}}}}").Replace("$UPSTREAM", upstream.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal);
            Assert.Contains(from, policy, StringComparison.Ordinal);
            await File.WriteAllTextAsync(Path.Combine(gateway.Folder, "policy.yaml"), policy.Replace(from, to, StringComparison.Ordinal));
            await provider.LookAsync();
            await provider.LookAsync();
            Assert.True(provider.Status.Degraded, to);
            Assert.Contains(provider.Status.Problems, p => p.Contains("apis.open", StringComparison.Ordinal));
            Assert.Equal(version, provider.Current.Version);
        }

        // The last good one goes on.
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/open/a", alice)).Status);
        Assert.Equal(Secret, upstream.Seen.Last().Headers["X-Key"]);
    }

    [Fact]
    public async Task At_a_start_it_is_an_error_that_names_the_reference()
    {
        var failure = await Assert.ThrowsAsync<StartupException>(() => GatewayFixture.Start(
            policy: SecretFiles.Policy("{header: {name: X-Key, value: \"env:HOME\"}}"), args: ["--store", "memory"]));
        Assert.Contains(failure.Problems, p => p.Contains("apis.open.credential: env:HOME may not be sent to http://127.0.0.1:9", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_name_that_leads_where_no_upstream_may_be_gets_nothing()
    {
        await using var upstream = await OrdersUpstream.Start();
        var byName = new UriBuilder(upstream.Address) { Host = "localhost" }.Uri;
        await using (var anywhere = await GatewayFixture.Start(byName, Policies.Open, args: ["--store", "memory"]))
            Assert.Equal(HttpStatusCode.OK, (await anywhere.Send("GET", "/x", await anywhere.Token("alice"))).Status);
        await using var gateway = await GatewayFixture.Start(
            byName, Policies.Open, args: ["--store", "memory"], settings: new Dictionary<string, string> { ["UpstreamNetworks"] = "10.0.0.0/8, 192.0.2.1" });
        var calls = upstream.Seen.Count;
        Assert.Equal((HttpStatusCode.BadGateway, calls), ((await gateway.Send("GET", "/x", await gateway.Token("alice"))).Status, upstream.Seen.Count));
    }
}
