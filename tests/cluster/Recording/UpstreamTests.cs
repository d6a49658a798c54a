using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Recording;

/// <summary>The upstream records what arrives, when the kernel had it.</summary>
public sealed class UpstreamTests : IAsyncDisposable
{
    private readonly Upstream upstream = new();
    private readonly HttpClient http = new();

    [Fact]
    public async Task A_call_is_recorded_with_its_id_and_the_kernels_time()
    {
        var before = Clock.Now;
        for (var i = 0; i < 3; i++)
            await Send(HttpMethod.Get, "/orders/1", $"c{i}");
        var after = Clock.Now;

        Assert.Equal(["c0", "c1", "c2"], upstream.Arrivals.Select(a => a.Call));
        Assert.All(upstream.Arrivals, a =>
        {
            Assert.Equal("GET /orders/1", a.Target);
            Assert.True(a.Stamped);
            Assert.InRange(a.At, before, after);
            Assert.Equal(a.At, a.From);
            Assert.True(a.Answered);
        });
    }

    [Theory]
    [InlineData("")]
    [InlineData("the rest")]
    public async Task A_head_that_waits_while_more_comes_is_not_taken_for_later_than_it_was(string rest)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        KernelStamps.Ask(listener);
        listener.Listen();
        using var caller = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await caller.ConnectAsync(listener.LocalEndPoint!);
        var before = Clock.Now;
        await caller.SendAsync("GET /orders/5 HTTP/1.1\r\n\r\n"u8.ToArray());
        var sent = Clock.Now;
        await Until.Passed(TimeSpan.FromMilliseconds(300));
        if (rest.Length > 0)
            await caller.SendAsync(Encoding.ASCII.GetBytes(rest));
        caller.Shutdown(SocketShutdown.Send);
        await using (var connection = new UpstreamConnection(upstream, await listener.AcceptAsync()))
            await connection.Serve(CancellationToken.None);

        var arrival = Assert.Single(upstream.Arrivals);
        Assert.True(arrival.At > sent, "the kernel's stamp is that of what came last");
        if (rest.Length > 0)
            Assert.Null(arrival.From);
        else
            Assert.InRange(arrival.From!.Value, before - TimeSpan.FromMilliseconds(100), sent);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bodies_are_skipped_and_the_connection_goes_on(bool chunked)
    {
        for (var i = 0; i < 3; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(upstream.Address, "/orders/2/refund"));
            request.Content = new StringContent(new string('x', 100_000), Encoding.UTF8, new MediaTypeHeaderValue("text/plain"));
            request.Headers.TransferEncodingChunked = chunked;
            using var answer = await http.SendAsync(request);
            answer.EnsureSuccessStatusCode();
        }

        Assert.Equal(3, upstream.Arrivals.Count);
        Assert.Equal(1, upstream.Open);
    }

    [Fact]
    public async Task A_stream_runs_until_its_caller_goes()
    {
        using (var request = new HttpRequestMessage(HttpMethod.Get, new Uri(upstream.Address, "/orders/3/watch")))
        using (var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead))
        {
            var stream = await answer.Content.ReadAsStreamAsync();
            await stream.ReadExactlyAsync(new byte[10]);
            Assert.Null(Assert.Single(upstream.Arrivals).EndedAt);
        }

        await Until.Holds(() => upstream.Arrivals.Single().EndedAt is not null);
        Assert.False(upstream.Arrivals.Single().Answered);
    }

    [Fact]
    public async Task A_web_socket_ticks()
    {
        using (var socket = new ClientWebSocket())
        {
            await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{upstream.Address.Port}/orders/4/socket"), CancellationToken.None);
            var bytes = new byte[16];
            var tick = await socket.ReceiveAsync(bytes, CancellationToken.None);
            Assert.Equal("tick", Encoding.ASCII.GetString(bytes, 0, tick.Count));
            socket.Abort();
        }

        await Until.Holds(() => upstream.Arrivals.Single().EndedAt is not null);
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await upstream.DisposeAsync();
    }

    private async Task Send(HttpMethod method, string path, string call)
    {
        using var request = new HttpRequestMessage(method, new Uri(upstream.Address, path));
        request.Headers.Add("X-Call", call);
        using var answer = await http.SendAsync(request);
        answer.EnsureSuccessStatusCode();
    }
}
