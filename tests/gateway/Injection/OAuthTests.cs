using System.Net;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;

namespace JitGrains.GatewayTests.Injection;

public sealed class OAuthTests : IDisposable
{
    private readonly SecretFiles files = new();

    public void Dispose() => files.Dispose();

    private string Credential(TokenServer server, string more = "") =>
        $"{{oauth: {{token_url: \"{server.Address}\", client_id: gateway, client_secret: \"{files.Write("client", server.Secret)}\"{more}}}}}";

    [Theory]
    [InlineData("")]
    [InlineData(", client_auth: body, scope: \"orders.read orders.write\", audience: \"https://orders.example.com\"")]
    public async Task One_token_is_fetched_for_many_calls(string more)
    {
        await using var upstream = await OrdersUpstream.Start(c => c.Response.WriteAsync("ok"));
        await using var server = await TokenServer.Start();
        await using var gateway = await files.Start(upstream.Address, Credential(server, more), server.Address);
        var alice = await gateway.Token("alice");
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => gateway.Send("GET", $"/open/{i}", alice)));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a.Status));
        Assert.All(upstream.Seen, s => Assert.Equal("Bearer fetched-token-1", s.Headers["Authorization"]));
        Assert.Equal(1, server.Fetches);
        if (more.Length > 0)
            Assert.Equal(("orders.read orders.write", "https://orders.example.com"), (server.Form!["scope"].ToString(), server.Form["audience"].ToString()));
    }

    [Fact]
    public async Task A_token_is_fetched_anew_ahead_of_its_end()
    {
        await using var upstream = await OrdersUpstream.Start(c => c.Response.WriteAsync("ok"));
        await using var server = await TokenServer.Start();
        server.Life = 2;
        await using var gateway = await files.Start(upstream.Address, Credential(server), server.Address);
        var alice = await gateway.Token("alice");
        await Eventually.Get(async () =>
        {
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/open/a", alice)).Status);
            return server.Fetches >= 3 ? "" : null;
        });
    }

    [Fact]
    public async Task Without_a_token_calls_are_refused_and_with_one_they_run_again()
    {
        await using var upstream = await OrdersUpstream.Start(c => c.Response.WriteAsync("ok"));
        await using var server = await TokenServer.Start();
        server.IsDown = true;
        await using var gateway = await files.Start(upstream.Address, Credential(server), server.Address);
        var alice = await gateway.Token("alice");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await gateway.Send("GET", "/open/a", alice)).Status);
        Assert.Empty(upstream.Seen);
        server.IsDown = false;
        await Eventually.Get(async () => (await gateway.Send("GET", "/open/a", alice)).Status == HttpStatusCode.OK ? "" : null);
    }

    [Fact]
    public async Task A_token_that_the_upstream_refuses_is_fetched_anew_once_and_no_call_is_sent_twice()
    {
        var time = new ManualTime(TimeProvider.System.GetUtcNow());
        var refused = "";
        await using var upstream = await OrdersUpstream.Start(c =>
        {
            c.Response.StatusCode = c.Request.Headers.Authorization == refused ? 401 : 200;
            return c.Response.WriteAsync("answer");
        });
        await using var server = await TokenServer.Start();
        await using var gateway = await files.Start(upstream.Address, Credential(server), server.Address, time: time);
        var alice = await gateway.Token("alice");
        var calls = 0;
        async Task<(HttpStatusCode, string)> Call()
        {
            var status = (await gateway.Send("POST", "/open/a", alice, new { n = ++calls })).Status;
            Assert.Equal(calls, upstream.Seen.Count);
            return (status, upstream.Seen.Last().Headers["Authorization"]);
        }

        Assert.Equal((HttpStatusCode.OK, "Bearer fetched-token-1"), await Call());
        refused = "Bearer fetched-token-1";
        // One that has only just been fetched is not the reason: an upstream that refuses everything must not make for a fetch at each call.
        for (var i = 0; i < 5; i++)
            Assert.Equal((HttpStatusCode.Unauthorized, refused), await Call());
        time.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal((HttpStatusCode.Unauthorized, refused), await Call());
        Assert.Equal(1, server.Fetches);
        for (var i = 0; i < 5; i++)
            Assert.Equal((HttpStatusCode.OK, "Bearer fetched-token-2"), await Call());
        Assert.Equal(2, server.Fetches);
    }

    [Fact]
    public async Task The_client_secret_goes_to_the_token_address_only_where_the_configuration_says_so()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var server = await TokenServer.Start();
        var failure = await Assert.ThrowsAsync<JitGrains.Silo.StartupException>(() => files.Start(upstream.Address, Credential(server)));
        Assert.Contains(failure.Problems, p => p.Contains($"may not be sent to {server.Address.GetLeftPart(UriPartial.Authority)}", StringComparison.Ordinal));
        Assert.Equal(0, server.Fetches);
    }
}
