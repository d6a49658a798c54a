using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Threading.Channels;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>Bodies pass as they come, both ways, and so do their ends.</summary>
public sealed class StreamingTests
{
    private static readonly byte[] Piece = Encoding.ASCII.GetBytes("piece\n");

    /// <summary>The next piece is sent only when the upstream has the last one.</summary>
    [Theory]
    [InlineData("open", 1)]
    [InlineData("window", 1)]
    [InlineData("counted", 1)]
    [InlineData("open", 2)]
    [InlineData("window", 2)]
    public async Task Pieces_of_a_request_arrive_before_its_end(string api, int version)
    {
        var arrived = Channel.CreateUnbounded<string>();
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            var buffer = new byte[Piece.Length];
            while (await context.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false) == buffer.Length)
                arrived.Writer.TryWrite(Encoding.ASCII.GetString(buffer));
            arrived.Writer.Complete();
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var alice = await gateway.Token("alice");
        if (api == "window")
            await ProxyPolicy.OpenWindow(gateway, alice, await gateway.Token("bob"));
        using var client = new HttpClient();
        var body = new OpenContent();
        using var request = GatewayFixture.Request("POST", new Uri(version == 2 ? gateway.Http2 : gateway.Gateway, $"/{api}/up"), alice, null);
        (request.Content, request.Version, request.VersionPolicy) = (body, new Version(version, version == 2 ? 0 : 1), HttpVersionPolicy.RequestVersionExact);
        var sending = client.SendAsync(request);

        for (var i = 0; i < 5; i++)
        {
            await body.Write(Piece);
            Assert.Equal("piece\n", await arrived.Reader.ReadAsync());
        }

        body.End();
        using var response = await sending;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.False(await arrived.Reader.WaitToReadAsync());
    }

    /// <summary>As gRPC streams: HTTP/1.1 clients, ours to the upstream among them, send the whole request first.</summary>
    [Theory]
    [InlineData("modern")]
    [InlineData("moderncounted")]
    public async Task Pieces_pass_both_ways_while_both_bodies_are_open(string api)
    {
        // Echoes each piece at once: the caller sends the next only when it has the last one back.
        await using var upstream = await OrdersUpstream.Start(
            async context =>
            {
                var buffer = new byte[64];
                int read;
                while ((read = await context.Request.Body.ReadAsync(buffer)) > 0)
                {
                    await context.Response.Body.WriteAsync(buffer.AsMemory(0, read));
                    await context.Response.Body.FlushAsync();
                }
            },
            protocols: HttpProtocols.Http2);
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var alice = await gateway.Token("alice");
        using var client = new HttpClient();
        var body = new OpenContent();
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(gateway.Http2, $"/{api}/echo"))
        {
            Content = body,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", alice);

        // The answer's head comes with its first piece.
        var sending = client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await body.Write(Piece);
        using var response = await sending;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        await using var down = await response.Content.ReadAsStreamAsync();
        var back = new byte[Piece.Length];
        for (var i = 0; i < 5; i++)
        {
            await down.ReadExactlyAsync(back);
            Assert.Equal(Piece, back);
            if (i < 4)
                await body.Write(Piece);
        }

        body.End();
        Assert.Equal(0, await down.ReadAsync(back));
    }

    /// <summary>The server's least rate is set far above what the pieces come at, and its grace period is over long before the last.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_caller_may_send_slowly(int version)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address, configure: s => s.Configure<KestrelServerOptions>(
            k => k.Limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 1e9, gracePeriod: TimeSpan.FromSeconds(1.1))));
        using var client = new HttpClient();
        var body = new OpenContent();
        using var request = GatewayFixture.Request("POST", new Uri(version == 2 ? gateway.Http2 : gateway.Gateway, "/open/slow"), await gateway.Token("alice"), null);
        (request.Content, request.Version, request.VersionPolicy) = (body, new Version(version, version == 2 ? 0 : 1), HttpVersionPolicy.RequestVersionExact);
        var sending = client.SendAsync(request);

        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(250));
        for (var i = 0; i < 16; i++)
        {
            await body.Write(Piece);
            await beat.WaitForNextTickAsync();
        }

        body.End();
        using var response = await sending;
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(string.Concat(Enumerable.Repeat("piece\n", 16)), (await Answer.Of(response)).Json["body"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("open")]
    [InlineData("window")]
    public async Task Server_sent_events_arrive_one_by_one(string api)
    {
        using var next = new SemaphoreSlim(0);
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            context.Response.ContentType = "text/event-stream";
            for (var i = 1; i <= 3; i++)
            {
                await context.Response.WriteAsync($"data: {i}\n\n");
                await context.Response.Body.FlushAsync();
                await next.WaitAsync(context.RequestAborted);
            }
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var alice = await gateway.Token("alice");
        if (api == "window")
            await ProxyPolicy.OpenWindow(gateway, alice, await gateway.Token("bob"));
        using var client = new HttpClient();
        using var request = GatewayFixture.Request("GET", new Uri(gateway.Gateway, $"/{api}/events"), alice, null, ("Accept", "text/event-stream"));

        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        for (var i = 1; i <= 3; i++)
        {
            Assert.Equal($"data: {i}", await reader.ReadLineAsync());
            Assert.Equal("", await reader.ReadLineAsync());
            next.Release();
        }

        Assert.Null(await reader.ReadLineAsync());
    }

    [Theory]
    [InlineData("open", 1)]
    [InlineData("counted", 1)]
    [InlineData("open", 2)]
    public async Task A_caller_that_leaves_amid_the_answer_ends_the_upstream_call(string api, int version)
    {
        var left = new TaskCompletionSource();
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            context.RequestAborted.Register(() => left.TrySetResult());
            await context.Response.WriteAsync("begun");
            await context.Response.Body.FlushAsync();
            await left.Task;
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var client = new HttpClient();
        using var request = GatewayFixture.Request("GET", new Uri(version == 2 ? gateway.Http2 : gateway.Gateway, $"/{api}/long"), await gateway.Token("alice"), null);
        (request.Version, request.VersionPolicy) = (new Version(version, version == 2 ? 0 : 1), HttpVersionPolicy.RequestVersionExact);
        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal('b', (await response.Content.ReadAsStreamAsync()).ReadByte());

        response.Dispose();

        await left.Task.WaitAsync(TimeSpan.FromMinutes(2));
    }

    public static TheoryData<string, int, string> CutAnswers()
    {
        var data = new TheoryData<string, int, string>();
        foreach (var api in new[] { "open", "counted" })
        {
            foreach (var version in new[] { 1, 2 })
            {
                data.Add(api, version, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npartial");
                data.Add(api, version, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\npartial\r\n");
            }
        }

        return data;
    }

    /// <summary>A body that broke off must not look like a whole one.</summary>
    [Theory]
    [MemberData(nameof(CutAnswers))]
    public async Task An_upstream_that_breaks_off_amid_its_answer_breaks_ours_off(string api, int version, string answer)
    {
        await using var upstream = new RawUpstream((_, connection) => RawUpstream.Write(connection, answer, keep: false));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var client = new HttpClient();
        using var request = GatewayFixture.Request("GET", new Uri(version == 2 ? gateway.Http2 : gateway.Gateway, $"/{api}/cut"), await gateway.Token("alice"), null);
        (request.Version, request.VersionPolicy) = (new Version(version, version == 2 ? 0 : 1), HttpVersionPolicy.RequestVersionExact);

        await Assert.ThrowsAnyAsync<HttpRequestException>(async () =>
        {
            using var response = await client.SendAsync(request);
            await response.Content.ReadAsByteArrayAsync();
        });
        Assert.Single(upstream.Heads);
    }

    /// <summary>A body that is written while it is sent.</summary>
    private sealed class OpenContent : HttpContent
    {
        private readonly TaskCompletionSource<Stream> opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public async Task Write(byte[] piece)
        {
            var stream = await opened.Task;
            await stream.WriteAsync(piece);
            await stream.FlushAsync();
        }

        public void End() => ended.TrySetResult();

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.FlushAsync();
            opened.TrySetResult(stream);
            await ended.Task;
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
