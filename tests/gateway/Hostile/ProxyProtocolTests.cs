using System.Net.Sockets;
using System.Text;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>Listeners whose connections begin with the PROXY protocol's header, over real sockets from 127.0.0.1.</summary>
public sealed class ProxyProtocolTests
{
    private const string Signature = "0d0a0d0a000d0a515549540a";
    private const string Near = Signature + "2111000c" + "c0000201" + "0a000001" + "1267" + "01bb";
    private const string NearV6 = Signature + "21210024" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "1267" + "01bb";
    private const string Far = Signature + "2111000c" + "cb007109" + "0a000001" + "1267" + "01bb";
    private const string Inner = Signature + "2111000c" + "0a000007" + "0a000001" + "1267" + "01bb";

    [Theory]
    [InlineData(Near, "", "192.0.2.1")]
    [InlineData(NearV6, "", "2001:db8::1")]
    [InlineData(Far, "", "203.0.113.9")]
    [InlineData(Signature + "20000000", "", "127.0.0.1")]
    [InlineData(Signature + "21000000", "", null)]
    [InlineData(Signature + "21110010" + "c0000201" + "0a000001" + "1267" + "01bb" + "04000100", "", "192.0.2.1")]
    // Whom the header names is no proxy, so its own headers mean nothing; where it is one, they do.
    [InlineData(Far, "X-Forwarded-For: 192.0.2.1\r\n", "203.0.113.9")]
    [InlineData(Inner, "X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n", "192.0.2.1")]
    [InlineData(Signature + "21000000", "X-Forwarded-For: 192.0.2.1\r\n", null)]
    public async Task Who_calls_is_whom_the_proxy_names(string hex, string lines, string? expected)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Proxies", "127.0.0.1,10.0.0.0/8"), ("ProxyProtocol", "true"));
        var bearer = AddressPolicy.Bearer(await gateway.Token("alice"));

        var open = await Send(gateway.Gateway, Convert.FromHexString(hex), $"GET /open/x HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\n{bearer}\r\n{lines}Connection: close\r\n\r\n");
        var near = await Send(gateway.Gateway, Convert.FromHexString(hex), $"GET /near/x HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\n{bearer}\r\n{lines}Connection: close\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", open, StringComparison.Ordinal);
        Assert.Equal(expected, upstream.Seen.First().Headers.GetValueOrDefault("X-Forwarded-For"));
        Assert.StartsWith(expected?[0] is '1' or '2' && expected[1] == '9' || expected?.Contains(':', StringComparison.Ordinal) == true ? "HTTP/1.1 200 " : "HTTP/1.1 403 ", near, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("0d0a0d0a000d0a515549540b2111000cc00002010a000001126701bb")]
    [InlineData(Signature + "1111000c" + "c0000201" + "0a000001" + "1267" + "01bb")]
    [InlineData(Signature + "2112000c" + "c0000201" + "0a000001" + "1267" + "01bb")]
    [InlineData(Signature + "21110004" + "c0000201")]
    [InlineData("50524f58592054435034203139322e302e322e312031302e302e302e31203437313120343433 0d0a")]
    public async Task Anything_else_is_closed_without_a_word(string hex)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Proxies", "127.0.0.1"), ("ProxyProtocol", "true"));
        Assert.Equal("", await Send(gateway.Gateway, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), "GET /.jit/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 200 ", await Send(gateway.Control, [], "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_not_listed_is_closed_whatever_it_says()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Proxies", "10.0.0.0/8"), ("ProxyProtocol", "true"), ("ControlProxyProtocol", "true"));
        foreach (var listener in new[] { gateway.Gateway, gateway.Control })
            Assert.Equal("", await Send(listener, Convert.FromHexString(Near), "GET /.jit/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    }

    [Fact]
    public async Task A_header_may_come_byte_by_byte_but_not_for_ever()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Proxies", "127.0.0.1"), ("ProxyProtocol", "true"), ("ProxyProtocolWithin", "00:00:01"));
        var header = Convert.FromHexString(Near);

        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(gateway.Gateway.Host, gateway.Gateway.Port);
        foreach (var part in header)
            await client.GetStream().WriteAsync(new[] { part });
        Assert.StartsWith("HTTP/1.1 200 ", await Rest(client, "GET /.jit/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);

        using var slow = new TcpClient();
        await slow.ConnectAsync(gateway.Gateway.Host, gateway.Gateway.Port);
        await slow.GetStream().WriteAsync(header.AsMemory(0, 20));
        Assert.Equal("", await Rest(slow, ""));
    }

    [Fact]
    public async Task The_control_plane_and_HTTP2_can_stand_behind_one_too()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Proxies", "127.0.0.1"), ("ProxyProtocol", "true"), ("ControlProxyProtocol", "true"));
        Assert.StartsWith("HTTP/1.1 200 ", await Send(gateway.Control, Convert.FromHexString(Near), "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), StringComparison.Ordinal);

        using var client = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancel) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(context.DnsEndPoint, cancel);
                var stream = new NetworkStream(socket, ownsSocket: true);
                await stream.WriteAsync(Convert.FromHexString(Near), cancel);
                return stream;
            },
        });
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(gateway.Http2, "/.jit/livez")) { Version = new Version(2, 0), VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        using var response = await client.SendAsync(request);
        Assert.Equal(System.Net.HttpStatusCode.OK, response.StatusCode);
    }

    private static async Task<string> Send(Uri to, byte[] first, string then)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(to.Host, to.Port);
            await client.GetStream().WriteAsync(first);
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            // It was closed as soon as it was there.
            return "";
        }

        return await Rest(client, then);
    }

    private static async Task<string> Rest(TcpClient client, string send)
    {
        var all = new MemoryStream();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        try
        {
            await client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(send));
            await client.GetStream().CopyToAsync(all, limit.Token);
        }
        catch (IOException)
        {
            // It was closed.
        }

        return Encoding.Latin1.GetString(all.ToArray());
    }
}
