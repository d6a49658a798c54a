using System.Net;
using System.Net.Sockets;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>What callers are told where an upstream, or their own call, does not do.</summary>
public sealed class FailureTests
{
    [Theory]
    [InlineData("open")]
    [InlineData("counted")]
    public async Task An_upstream_that_is_down_is_502(string api)
    {
        var free = new TcpListener(IPAddress.Loopback, 0);
        free.Start();
        var nobody = new Uri($"http://{free.LocalEndpoint}");
        free.Stop();
        await using var gateway = await ProxyPolicy.Start(nobody);

        IsProblem(await gateway.Send("POST", $"/{api}/x", await gateway.Token("alice"), "{}"), HttpStatusCode.BadGateway, "upstream-unreachable", "jitgrains; error=destination_unavailable");
    }

    public static TheoryData<string, string> Garbage()
    {
        var data = new TheoryData<string, string>();
        foreach (var answer in new[]
        {
            "SSH-2.0-OpenSSH_9.9\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5", "", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: minus\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        })
        {
            data.Add("open", answer);
            data.Add("counted", answer);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Garbage))]
    public async Task An_upstream_that_answers_nonsense_is_502(string api, string answer)
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, answer, keep: false));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        IsProblem(await gateway.Send("POST", $"/{api}/x", await gateway.Token("alice"), "{}"), HttpStatusCode.BadGateway, "upstream-unreachable", "jitgrains; error=destination_unavailable");
    }

    [Fact]
    public async Task An_upstream_that_stays_silent_is_504_and_is_told_so()
    {
        var gone = new TaskCompletionSource();
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            context.RequestAborted.Register(() => gone.TrySetResult());
            await gone.Task;
        });
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        IsProblem(await gateway.Send("GET", "/impatient/x", await gateway.Token("alice")), HttpStatusCode.GatewayTimeout, "upstream-timeout", "jitgrains; error=connection_read_timeout");
        await gone.Task.WaitAsync(TimeSpan.FromMinutes(2));
    }

    [Theory]
    [InlineData(1024, false, HttpStatusCode.OK)]
    [InlineData(1024, true, HttpStatusCode.OK)]
    [InlineData(1025, false, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData(1025, true, HttpStatusCode.RequestEntityTooLarge)]
    [InlineData(1_000_000, true, HttpStatusCode.RequestEntityTooLarge)]
    public async Task A_held_calls_body_has_a_limit(int length, bool chunked, HttpStatusCode expected)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var client = new HttpClient();
        using var request = GatewayFixture.Request("POST", new Uri(gateway.Gateway, "/bound/x"), await gateway.Token("alice"), null);
        request.Content = new ByteArrayContent(new byte[length]);
        request.Headers.TransferEncodingChunked = chunked;

        var answer = await Answer.Of(await client.SendAsync(request));

        Assert.Equal(expected, answer.Status);
        if (expected == HttpStatusCode.OK)
            return;
        IsProblem(answer, expected, "payload-too-large", "jitgrains; error=http_request_denied");
        Assert.Equal(1024, answer.Json["limit"]!.GetValue<long>());
        Assert.Empty(upstream.Seen);
    }

    [Theory]
    [InlineData("POST", "Transfer-Encoding: chunked", "Trailer: X-Late", "0\r\nX-Late: 1\r\n\r\n", "trailer")]
    [InlineData("POST", "Transfer-Encoding: chunked", "X: 1", "0\r\nX-Late: 1\r\n\r\n", "trailer")]
    [InlineData("GET", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "", "header:upgrade")]
    public async Task A_payload_bound_call_has_no_trailers_and_no_upgrade(string method, string first, string second, string body, string field)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var caller = await RawCaller.Connect(gateway.Gateway);
        await caller.Send($"{method} /bound/x HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\nConnection: {(method == "GET" ? "upgrade" : "close")}\r\nAuthorization: Bearer {await gateway.Token("alice")}\r\n{first}\r\n{second}\r\n\r\n{body}");

        Assert.StartsWith("HTTP/1.1 400 ", await caller.ReadUntil("\r\n"), StringComparison.Ordinal);
        Assert.Contains($"\"field\":\"{field}\"", await caller.ReadUntil("}"), StringComparison.Ordinal);
        Assert.Empty(upstream.Seen);
    }

    private static void IsProblem(Answer answer, HttpStatusCode status, string name, string proxyStatus)
    {
        Assert.Equal((status, name, proxyStatus), (answer.Status, answer.Problem, answer.Header("Proxy-Status")));
        Assert.Equal((int)status, answer.Json["status"]!.GetValue<int>());
    }
}
