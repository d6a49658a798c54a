using System.IO.Compression;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Calls;

/// <summary>Everything that YARP forwards works through the gateway, and nothing is changed on the way that need not be.</summary>
public sealed class PassThroughTests
{
    [Theory]
    [InlineData("/a/b%20c?x=%2e&y=a+b")]
    [InlineData("/%C3%A4/~tilde/!$&'()*+,;=:@")]
    [InlineData("/a%2Fb/100%25")]
    [InlineData("/trailing/?")]
    [InlineData("/z?q=%7b%22a%22%3a1%7d&url=http://x/?y=/../z")]
    public async Task The_target_goes_upstream_byte_for_byte(string target)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open);
        var answer = await RawClient.Send(gateway.Gateway, $"GET {target} HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\nAuthorization: Bearer {await gateway.Token("alice")}\r\nConnection: close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Equal(target, Assert.Single(upstream.Seen).Target);
    }

    [Fact]
    public async Task Headers_of_ours_and_of_forwarding_do_not_pass_and_the_token_stays_here()
    {
        await using var upstream = await OrdersUpstream.Start(context =>
        {
            context.Response.Headers["Jit-Decision"] = "forged";
            context.Response.Headers["Jit_Request"] = "forged";
            context.Response.Headers["X-Fine"] = "yes";
            context.Response.Headers.SetCookie = "a=b";
            return context.Response.WriteAsync("ok");
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open);

        var answer = await gateway.Send("GET", "/x", await gateway.Token("alice"), headers:
        [
            ("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-Host", "evil.example.com"), ("Forwarded", "for=1.2.3.4"), ("X-Real-IP", "1.2.3.4"),
            ("Jit-Reason", "because"), ("Jit-Made-Up", "x"), ("X-Kept", "kept"), ("Prefer", "wait=3, return=minimal"), ("Cookie", "s=1"),
        ]);

        Assert.Equal("ok", answer.Body);
        var seen = Assert.Single(upstream.Seen).Headers;
        Assert.Equal("127.0.0.1", seen["X-Forwarded-For"]);
        Assert.Equal(gateway.Gateway.Authority, seen["X-Forwarded-Host"]);
        Assert.Equal("http", seen["X-Forwarded-Proto"]);
        Assert.Equal(upstream.Address.Authority, seen["Host"]);
        Assert.Equal("kept", seen["X-Kept"]);
        Assert.Equal("return=minimal", seen["Prefer"]);
        Assert.Equal("s=1", seen["Cookie"]);
        Assert.DoesNotContain(seen.Keys, k => k.StartsWith("Jit", StringComparison.OrdinalIgnoreCase) || k is "Authorization" or "Forwarded" or "X-Real-IP");
        Assert.Equal("yes", answer.Header("X-Fine"));
        Assert.Equal("a=b", answer.Header("Set-Cookie"));
        Assert.Null(answer.Header("Jit-Decision"));
        Assert.Null(answer.Header("Jit_Request"));
    }

    [Fact]
    public async Task The_token_goes_upstream_where_the_api_says_so()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open.Replace("prefix: /", "prefix: /\n    forward_authorization: true", StringComparison.Ordinal));
        var token = await gateway.Token("alice");
        await gateway.Send("GET", "/x", token);
        Assert.Equal($"Bearer {token}", Assert.Single(upstream.Seen).Headers["Authorization"]);
    }

    [Fact]
    public async Task Compressed_bodies_and_redirects_are_left_alone()
    {
        var packed = new MemoryStream();
        await using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            await gzip.WriteAsync(Encoding.UTF8.GetBytes("hello"));
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            if (context.Request.Path == "/away")
            {
                context.Response.Redirect("/elsewhere");
                return;
            }

            context.Response.Headers.ContentEncoding = "gzip";
            await context.Response.Body.WriteAsync(packed.ToArray());
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open);
        var token = await gateway.Token("alice");
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false });

        using var call = GatewayFixture.Request("GET", new Uri(gateway.Gateway, "/gzip"), token, null);
        using var response = await client.SendAsync(call);
        Assert.Equal("gzip", Assert.Single(response.Content.Headers.ContentEncoding));
        Assert.Equal(packed.ToArray(), await response.Content.ReadAsByteArrayAsync());

        using var away = GatewayFixture.Request("GET", new Uri(gateway.Gateway, "/away"), token, null);
        using var redirect = await client.SendAsync(away);
        Assert.Equal(HttpStatusCode.Found, redirect.StatusCode);
        Assert.Equal("/elsewhere", redirect.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task Server_sent_events_arrive_one_by_one()
    {
        var next = new SemaphoreSlim(0);
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            for (var i = 0; i < 3; i++)
            {
                await context.Response.WriteAsync($"data: {i}\n\n");
                await context.Response.Body.FlushAsync();
                await next.WaitAsync(context.RequestAborted);
            }
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open);
        using var client = new HttpClient();
        using var call = GatewayFixture.Request("GET", new Uri(gateway.Gateway, "/events"), await gateway.Token("alice"), null);
        using var response = await client.SendAsync(call, HttpCompletionOption.ResponseHeadersRead);
        using var events = new StreamReader(await response.Content.ReadAsStreamAsync());

        for (var i = 0; i < 3; i++)
        {
            // The next one is sent only after this one has arrived.
            Assert.Equal($"data: {i}", await events.ReadLineAsync());
            Assert.Equal("", await events.ReadLineAsync());
            next.Release();
        }

        Assert.Null(await events.ReadLineAsync());
    }

    [Fact]
    public async Task WebSockets_pass_both_ways()
    {
        await using var upstream = await OrdersUpstream.Start(Echo);
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open);
        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {await gateway.Token("alice")}");
        await socket.ConnectAsync(new Uri($"ws://{gateway.Gateway.Authority}/socket"), CancellationToken.None);
        await Exchange(socket);
    }

    [Fact]
    public async Task WebSockets_pass_over_http2()
    {
        await using var upstream = await OrdersUpstream.Start(Echo);
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open);
        using var socket = new ClientWebSocket();
        using var handler = new SocketsHttpHandler();
        using var invoker = new HttpMessageInvoker(handler);
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.SetRequestHeader("Authorization", $"Bearer {await gateway.Token("alice")}");
        await socket.ConnectAsync(new Uri($"ws://{gateway.Http2.Authority}/socket"), invoker, CancellationToken.None);
        await Exchange(socket);
    }

    [Fact]
    public async Task Http2_and_trailers_pass()
    {
        await using var upstream = new RawUpstream((_, connection) => RawUpstream.Write(
            connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n4\r\nbody\r\n0\r\nX-Checksum: abc\r\nJit-Forged: x\r\n\r\n"));
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open);
        using var response = await SendHttp2(gateway, new Uri(gateway.Http2, "/x"));
        Assert.Equal(HttpVersion.Version20, response.Version);
        Assert.Equal("body", await response.Content.ReadAsStringAsync());
        Assert.Equal("abc", response.TrailingHeaders.GetValues("X-Checksum").Single());
        Assert.False(response.TrailingHeaders.Contains("Jit-Forged"));
    }

    [Fact]
    public async Task Http2_and_trailers_pass_on_both_sides()
    {
        using var certificate = TestCertificate.Make();
        await using var upstream = await OrdersUpstream.Start(
            async context =>
            {
                using var reader = new StreamReader(context.Request.Body);
                await context.Response.WriteAsync(await reader.ReadToEndAsync());
                context.Response.AppendTrailer("grpc-status", "0");
            },
            certificate);
        await using var gateway = await GatewayFixture.Start(
            upstream.Address, Policies.Open, configure: s => s.AddSingleton<Yarp.ReverseProxy.Forwarder.IForwarderHttpClientFactory>(new TrustingClients(certificate)));
        using var response = await SendHttp2(gateway, new Uri(gateway.Http2, "/x"), "hello");
        Assert.Equal("hello", await response.Content.ReadAsStringAsync());
        Assert.Equal("0", response.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Equal("HTTP/2", Assert.Single(upstream.Seen).Protocol);
    }

    [Fact]
    public async Task A_caller_that_leaves_is_noticed_upstream()
    {
        var left = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            context.RequestAborted.Register(left.SetResult);
            arrived.SetResult();
            await left.Task;
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open.Replace("2s", "60s", StringComparison.Ordinal));
        using var client = new HttpClient();
        using var hangUp = new CancellationTokenSource();
        using var call = GatewayFixture.Request("GET", new Uri(gateway.Gateway, "/slow"), await gateway.Token("alice"), null);
        var sent = client.SendAsync(call, hangUp.Token);
        await arrived.Task;

        await hangUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => sent);
        await left.Task.WaitAsync(TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task An_upstream_that_is_down_is_502_and_one_that_is_silent_504()
    {
        await using var silent = await OrdersUpstream.Start(context =>
        {
            var left = new TaskCompletionSource();
            context.RequestAborted.Register(left.SetResult);
            return left.Task;
        });
        await using var slow = await GatewayFixture.Start(silent.Address, Policies.Open);
        await using var gone = await GatewayFixture.Start(policy: Policies.Open);

        var timedOut = await slow.Send("GET", "/x", await slow.Token("alice"));
        Assert.Equal((HttpStatusCode.GatewayTimeout, "upstream-timeout"), (timedOut.Status, timedOut.Problem));
        Assert.Equal("jitgrains; error=connection_read_timeout", timedOut.Header("Proxy-Status"));
        var unreachable = await gone.Send("GET", "/x", await gone.Token("alice"));
        Assert.Equal((HttpStatusCode.BadGateway, "upstream-unreachable"), (unreachable.Status, unreachable.Problem));
        Assert.Equal("jitgrains; error=destination_unavailable", unreachable.Header("Proxy-Status"));
    }

    [Theory]
    [Trait("Size", "1 GB")]
    [InlineData("up")]
    [InlineData("down")]
    public async Task A_gigabyte_passes_in_constant_memory(string way)
    {
        const long Gigabyte = 1L << 30;
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            if (context.Request.Method == "POST")
            {
                var counted = new CountingSink();
                await context.Request.Body.CopyToAsync(counted);
                await context.Response.WriteAsync($"{counted.Count}");
                return;
            }

            context.Response.ContentLength = Gigabyte;
            var block = new byte[64 * 1024];
            for (var sent = 0L; sent < Gigabyte; sent += block.Length)
                await context.Response.Body.WriteAsync(block);
        });
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policies.Open.Replace("2s", "60s", StringComparison.Ordinal));
        using var client = new HttpClient { Timeout = TimeSpan.FromMinutes(5) };
        var token = await gateway.Token("alice");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var peak = new PeakMemory();

        using var call = GatewayFixture.Request(way == "up" ? "POST" : "GET", new Uri(gateway.Gateway, "/big"), token, null);
        if (way == "up")
            call.Content = new StreamContent(new EndlessZeros(Gigabyte, peak.Look));
        using var response = await client.SendAsync(call, HttpCompletionOption.ResponseHeadersRead);
        if (way == "up")
        {
            Assert.Equal($"{Gigabyte}", await response.Content.ReadAsStringAsync());
        }
        else
        {
            var sink = new CountingSink(peak.Look);
            await (await response.Content.ReadAsStreamAsync()).CopyToAsync(sink);
            Assert.Equal(Gigabyte, sink.Count);
        }

        Assert.InRange(peak.Bytes - before, long.MinValue, 256L << 20);
    }

    private static async Task<HttpResponseMessage> SendHttp2(GatewayFixture gateway, Uri target, string? body = null)
    {
        using var client = new HttpClient();
        using var call = GatewayFixture.Request(body is null ? "GET" : "POST", target, await gateway.Token("alice"), body);
        (call.Version, call.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        return await client.SendAsync(call);
    }

    private static async Task Echo(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var buffer = new byte[1024];
        while (await socket.ReceiveAsync(buffer, CancellationToken.None) is { MessageType: not WebSocketMessageType.Close } message)
            await socket.SendAsync(buffer.AsMemory(0, message.Count), message.MessageType, message.EndOfMessage, CancellationToken.None);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
    }

    private static async Task Exchange(ClientWebSocket socket)
    {
        var buffer = new byte[1024];
        for (var i = 0; i < 3; i++)
        {
            var text = Encoding.UTF8.GetBytes($"message {i}");
            await socket.SendAsync(text, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            var received = await socket.ReceiveAsync(buffer, CancellationToken.None);
            Assert.Equal(text, buffer[..received.Count]);
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
    }
}
