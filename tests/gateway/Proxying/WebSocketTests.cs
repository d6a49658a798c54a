using System.Net;
using System.Net.WebSockets;
using System.Text;
using JitGrains.GatewayTests.Support;
using JitGrains.TestSupport;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>WebSockets pass both ways, and end with what let them in.</summary>
public sealed class WebSocketTests
{
    /// <summary>How the caller, and how the upstream, speaks: HTTP/1.1 upgrades, or HTTP/2 (RFC 8441).</summary>
    public static TheoryData<string, int, bool> Ways() => new()
    {
        { "open", 1, false },
        { "window", 1, false },
        { "counted", 1, false },
        { "open", 2, false },
        { "window", 2, false },
        { "modern", 2, true },
        { "modern", 1, true },
    };

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task Messages_and_close_codes_pass_both_ways(string api, int version, bool modernUpstream)
    {
        await using var upstream = await Echo(modernUpstream);
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var alice = await gateway.Token("alice");
        if (api == "window")
            await ProxyPolicy.OpenWindow(gateway, alice, await gateway.Token("bob"));
        using var socket = await Open(gateway, alice, api, version);

        await socket.SendAsync(Encoding.UTF8.GetBytes("grüezi"), WebSocketMessageType.Text, true, default);
        Assert.Equal((WebSocketMessageType.Text, "grüezi"), await Receive(socket));
        var large = new byte[200_000];
        Random.Shared.NextBytes(large);
        await socket.SendAsync(large, WebSocketMessageType.Binary, true, default);
        var (type, text) = await Receive(socket);
        Assert.Equal((WebSocketMessageType.Binary, Encoding.Latin1.GetString(large)), (type, text));

        // The upstream says goodbye with the code that it was given.
        await socket.CloseAsync((WebSocketCloseStatus)4001, "enough", default);
        Assert.Equal(((WebSocketCloseStatus)4001, "enough"), (socket.CloseStatus!.Value, socket.CloseStatusDescription));
        Assert.Equal(("/" + api + "/socket", "v1.echo"), (upstream.Seen.Single().Target, upstream.Seen.Single().Headers["Sec-WebSocket-Protocol"]));
        Assert.DoesNotContain("Authorization", upstream.Seen.Single().Headers.Keys, StringComparer.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task An_upstream_closes_with_its_own_code(int version)
    {
        await using var upstream = await Echo();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var socket = await Open(gateway, await gateway.Token("alice"), "open", version);

        await socket.SendAsync("leave"u8.ToArray(), WebSocketMessageType.Text, true, default);

        Assert.Equal(WebSocketMessageType.Close, (await socket.ReceiveAsync(new byte[100], default)).MessageType);
        Assert.Equal((WebSocketCloseStatus.PolicyViolation, "as you wish"), (socket.CloseStatus!.Value, socket.CloseStatusDescription));
    }

    [Theory]
    [InlineData("window", 1)]
    [InlineData("window", 2)]
    [InlineData("drained", 1)]
    public async Task A_revoked_grant_cuts_its_sockets_unless_the_action_drains(string api, int version)
    {
        await using var upstream = await Echo();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var grant = await ProxyPolicy.OpenWindow(gateway, alice, bob, api);
        using var socket = await Open(gateway, alice, api, version);
        await RoundTrip(socket);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("DELETE", $"grants/{grant}", bob)).Status);

        if (api == "drained")
            await RoundTrip(socket);
        else
            await IsCut(socket);
        var refused = await gateway.Send("GET", $"/{api}/x", alice, headers: [("Prefer", "wait=0")]);
        Assert.Equal("approval-required", refused.Problem);
    }

    [Fact]
    public async Task Terminating_cuts_a_socket_whose_action_drains()
    {
        await using var upstream = await Echo();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        var grant = await ProxyPolicy.OpenWindow(gateway, alice, bob, "drained");
        using var socket = await Open(gateway, alice, "drained", 1);
        await RoundTrip(socket);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("DELETE", $"grants/{grant}?terminate=true", bob)).Status);

        await IsCut(socket);
    }

    [Fact]
    public async Task A_block_cuts_the_sockets_of_the_principal_that_no_grant_was_needed_for()
    {
        await using var upstream = await Echo();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));
        using var socket = await Open(gateway, alice, "open", 1);
        await RoundTrip(socket);

        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("PUT", "blocks/dev:user:alice", bob)).Status);

        await IsCut(socket);
    }

    [Theory]
    [InlineData("window", 11, true)]
    [InlineData("window", 9, false)]
    [InlineData("drained", 11, false)]
    [InlineData("open", 60 * 24, true)]
    public async Task The_end_of_the_grant_or_of_the_token_cuts_its_sockets(string api, int minutes, bool cut)
    {
        var time = new ManualTime();
        await using var upstream = await Echo();
        await using var gateway = await ProxyPolicy.Start(upstream.Address, time);
        var alice = await gateway.Token("alice");
        if (api != "open")
            await ProxyPolicy.OpenWindow(gateway, alice, await gateway.Token("bob"), api);
        using var socket = await Open(gateway, alice, api, 1);
        await RoundTrip(socket);

        time.Advance(TimeSpan.FromMinutes(minutes));

        if (cut)
            await IsCut(socket);
        else
            await RoundTrip(socket);
    }

    [Theory]
    [InlineData("GET /open/x", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")]
    [InlineData("GET /open/x", "Upgrade: spdy/3.1", "X: 1")]
    [InlineData("GET /open/x", "Upgrade: websocket, h2c", "X: 1")]
    [InlineData("POST /open/x", "Upgrade: websocket", "Content-Length: 0")]
    [InlineData("CONNECT example.com:443", "X: 1", "Y: 1")]
    [InlineData("CONNECT /open/x", "Upgrade: websocket", "X: 1")]
    public async Task Other_upgrades_and_tunnels_are_refused(string line, string first, string second)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var caller = await RawCaller.Connect(gateway.Gateway);
        await caller.Send($"{line} HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\nConnection: upgrade\r\nAuthorization: Bearer {await gateway.Token("alice")}\r\n{first}\r\n{second}\r\n\r\n");

        Assert.Matches("^HTTP/1.1 4(00|05) ", await caller.ReadUntil("\r\n"));
        Assert.Empty(upstream.Seen);
    }

    [Fact]
    public async Task A_socket_needs_what_any_call_needs()
    {
        await using var upstream = await Echo();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        foreach (var version in new[] { 1, 2 })
        {
            await Assert.ThrowsAsync<WebSocketException>(() => Open(gateway, "nonsense", "open", version));
            await Assert.ThrowsAsync<WebSocketException>(() => Open(gateway, "nonsense", "bound", version));
        }

        // A grant for one exact request covers no open-ended connection.
        var alice = await gateway.Token("alice");
        foreach (var version in new[] { 1, 2 })
            await Assert.ThrowsAsync<WebSocketException>(() => Open(gateway, alice, "bound", version));
        Assert.Empty(upstream.Seen);
    }

    private static Task<OrdersUpstream> Echo(bool modern = false) => OrdersUpstream.Start(
        async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync("v1.echo");
            var buffer = new byte[64 * 1024];
            while (true)
            {
                var got = await socket.ReceiveAsync(buffer, context.RequestAborted);
                if (got.MessageType == WebSocketMessageType.Close)
                {
                    await socket.CloseAsync(got.CloseStatus!.Value, got.CloseStatusDescription, context.RequestAborted);
                    return;
                }

                if (got is { EndOfMessage: true, Count: 5 } && Encoding.ASCII.GetString(buffer, 0, 5) == "leave")
                {
                    await socket.CloseAsync(WebSocketCloseStatus.PolicyViolation, "as you wish", context.RequestAborted);
                    return;
                }

                await socket.SendAsync(buffer.AsMemory(0, got.Count), got.MessageType, got.EndOfMessage, context.RequestAborted);
            }
        },
        protocols: modern ? HttpProtocols.Http2 : HttpProtocols.Http1);

    private static async Task<ClientWebSocket> Open(GatewayFixture gateway, string token, string api, int version)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        socket.Options.AddSubProtocol("v1.echo");
        socket.Options.HttpVersion = new Version(version, version == 2 ? 0 : 1);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        var at = new UriBuilder(version == 2 ? gateway.Http2 : gateway.Gateway) { Scheme = "ws", Path = $"/{api}/socket" }.Uri;
        try
        {
            await socket.ConnectAsync(at, new HttpMessageInvoker(new SocketsHttpHandler()), default);
            Assert.Equal("v1.echo", socket.SubProtocol);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static async Task RoundTrip(ClientWebSocket socket)
    {
        await socket.SendAsync("ping"u8.ToArray(), WebSocketMessageType.Text, true, default);
        Assert.Equal((WebSocketMessageType.Text, "ping"), await Receive(socket));
    }

    /// <summary>The connection breaks without a closing message: the gateway speaks no WebSocket of its own.</summary>
    private static async Task IsCut(ClientWebSocket socket)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await Assert.ThrowsAsync<WebSocketException>(() => socket.ReceiveAsync(new byte[100], limit.Token));
    }

    private static async Task<(WebSocketMessageType Type, string Text)> Receive(ClientWebSocket socket)
    {
        var all = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var got = await socket.ReceiveAsync(buffer, default);
            all.Write(buffer, 0, got.Count);
            if (got.EndOfMessage)
                return (got.MessageType, (got.MessageType == WebSocketMessageType.Text ? Encoding.UTF8 : Encoding.Latin1).GetString(all.ToArray()));
        }
    }
}
