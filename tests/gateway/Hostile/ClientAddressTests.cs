using System.Net;
using JitGrains.GatewayTests.Proxying;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>
/// Where a call comes from, over real connections from 127.0.0.1: what rules see of it, and what the upstream is told. Header
/// lines are separated by <c>|</c> here; null is an address that is not known.
/// </summary>
public sealed class ClientAddressTests
{
    [Fact]
    public async Task Headers_of_whoever_is_not_listed_mean_nothing()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Proxies:0", "10.0.0.0/8"), ("Proxies:1", "::1"));
        foreach (var spoofed in new[]
        {
            "X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1", "X-Real-IP: 192.0.2.1", "X-Client-IP: 192.0.2.1", "True-Client-IP: 192.0.2.1", "CF-Connecting-IP: 192.0.2.1",
            "X-Forwarded-For: 192.0.2.1, 10.0.0.1", "X-Forwarded-For: garbage", "Forwarded: garbage", "X-Forwarded-For: 192.0.2.1|Forwarded: for=192.0.2.1", "X_Forwarded_For: 192.0.2.1",
        })
        {
            await Expect(gateway, upstream, spoofed, "127.0.0.1");
        }
    }

    [Theory]
    [InlineData("any", "", "127.0.0.1")]
    [InlineData("any", "X-Forwarded-For: 192.0.2.1", "192.0.2.1")]
    [InlineData("any", "X-Forwarded-For: 203.0.113.9, 192.0.2.1", "192.0.2.1")]
    [InlineData("any", "X-Forwarded-For: 192.0.2.1, 203.0.113.9", "203.0.113.9")]
    [InlineData("any", "X-Forwarded-For: 192.0.2.1, 10.1.2.3", "192.0.2.1")]
    [InlineData("any", "X-Forwarded-For: 192.0.2.1|X-Forwarded-For: 203.0.113.9", "203.0.113.9")]
    [InlineData("any", "X-Forwarded-For: 203.0.113.9|X-Forwarded-For: 192.0.2.1, 10.1.2.3", "192.0.2.1")]
    [InlineData("any", "X-Forwarded-For: 2001:db8::1", "2001:db8::1")]
    [InlineData("any", "Forwarded: for=\"[2001:db8::1]:4711\";proto=https", "2001:db8::1")]
    [InlineData("any", "Forwarded: for=192.0.2.1", "192.0.2.1")]
    [InlineData("any", "Forwarded: for=192.0.2.1|X-Forwarded-For: 192.0.2.1", "192.0.2.1")]
    [InlineData("any", "Forwarded: for=192.0.2.1|X-Forwarded-For: 203.0.113.9", null)]
    [InlineData("any", "Forwarded: for=203.0.113.9|X-Forwarded-For: 192.0.2.1", null)]
    [InlineData("any", "Forwarded: garbage|X-Forwarded-For: 192.0.2.1", null)]
    [InlineData("any", "Forwarded: for=192.0.2.1|X-Forwarded-For: garbage", null)]
    [InlineData("any", "X-Forwarded-For: garbage", null)]
    [InlineData("any", "X-Forwarded-For:", null)]
    [InlineData("any", "X-Forwarded-For: 192.0.2.1, unknown", null)]
    [InlineData("any", "Forwarded: for=_hidden", null)]
    [InlineData("any", "X-Real-IP: 192.0.2.1", "127.0.0.1")]
    [InlineData("x-forwarded-for", "X-Forwarded-For: 192.0.2.1|Forwarded: for=203.0.113.9", "192.0.2.1")]
    [InlineData("x-forwarded-for", "Forwarded: for=192.0.2.1", "127.0.0.1")]
    [InlineData("forwarded", "X-Forwarded-For: 203.0.113.9|Forwarded: for=192.0.2.1", "192.0.2.1")]
    [InlineData("forwarded", "X-Forwarded-For: 192.0.2.1", "127.0.0.1")]
    [InlineData("none", "X-Forwarded-For: 192.0.2.1|Forwarded: for=192.0.2.1", "127.0.0.1")]
    public async Task Behind_a_listed_proxy_it_is_whom_that_names(string header, string lines, string? expected)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Proxies", "127.0.0.0/8, 10.0.0.0/8"), ("ProxyHeader", header));
        await Expect(gateway, upstream, lines, expected);
    }

    [Fact]
    public async Task Each_request_of_a_connection_has_its_own()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("Proxies", "127.0.0.1"));
        var token = await gateway.Token("alice");
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 });
        foreach (var version in new[] { HttpVersion.Version11, HttpVersion.Version20 })
        {
            foreach (var (sent, expected) in new[] { ("192.0.2.1", "192.0.2.1"), (null, "127.0.0.1"), ("2001:db8::7", "2001:db8::7"), ("garbage", null), ("192.0.2.2", "192.0.2.2") })
            {
                using var request = GatewayFixture.Request("GET", new Uri(version.Major == 2 ? gateway.Http2 : gateway.Gateway, "/open/x"), token, null);
                (request.Version, request.VersionPolicy) = (version, HttpVersionPolicy.RequestVersionExact);
                if (sent is not null)
                    request.Headers.TryAddWithoutValidation("X-Forwarded-For", sent);
                using var response = await client.SendAsync(request);
                Assert.Equal(HttpStatusCode.OK, response.StatusCode);
                Assert.Equal(expected, upstream.Seen.Last().Headers.GetValueOrDefault("X-Forwarded-For"));
            }
        }
    }

    /// <summary>Sends a call to each API: the upstream hears the address, and the rule about it holds only where it is certainly near.</summary>
    internal static async Task Expect(GatewayFixture gateway, OrdersUpstream upstream, string lines, string? expected)
    {
        string[] headers = [AddressPolicy.Bearer(await gateway.Token("alice")), .. lines.Split('|', StringSplitOptions.RemoveEmptyEntries)];
        Assert.StartsWith("HTTP/1.1 200 ", await RawCaller.Exchange(gateway.Gateway, "GET /open/x", headers), StringComparison.Ordinal);
        var seen = upstream.Seen.Last().Headers;
        Assert.Equal(expected, seen.GetValueOrDefault("X-Forwarded-For"));
        Assert.False(seen.ContainsKey("Forwarded"));
        var near = expected is not null && (expected.StartsWith("192.0.2.", StringComparison.Ordinal) || expected.StartsWith("2001:db8:", StringComparison.Ordinal));
        Assert.StartsWith(near ? "HTTP/1.1 200 " : "HTTP/1.1 403 ", await RawCaller.Exchange(gateway.Gateway, "GET /near/x", headers), StringComparison.Ordinal);
    }
}
