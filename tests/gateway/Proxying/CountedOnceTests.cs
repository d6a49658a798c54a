using System.Net;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>An upstream that takes a counted call and then breaks off has seen it once, through the whole gateway.</summary>
public sealed class CountedOnceTests
{
    [Theory]
    [InlineData("GET", false)]
    [InlineData("HEAD", false)]
    [InlineData("DELETE", false)]
    [InlineData("POST", true)]
    [InlineData("PUT", true)]
    public async Task Over_HTTP1(string method, bool body)
    {
        await using var upstream = new RawUpstream((head, c) =>
            head.Contains("/warm", StringComparison.Ordinal) ? RawUpstream.Write(c, RawUpstream.Ok) : Task.FromResult(false));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        var alice = await gateway.Token("alice");
        // A connection that was used before: the stack would take its end for a stale connection and send again.
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/counted/warm", alice)).Status);

        var answer = await gateway.Send(method, "/counted/once", alice, body ? "{}" : null);

        Assert.Equal(HttpStatusCode.BadGateway, answer.Status);
        Assert.Single(upstream.Heads, h => h.Contains("/once", StringComparison.Ordinal));
        await Outcome(gateway);
    }

    [Theory]
    [InlineData("moderncounted", "GET", true)]
    [InlineData("moderncounted", "DELETE", true)]
    [InlineData("moderncounted", "POST", true)]
    [InlineData("modern", "GET", false)]
    public async Task Over_HTTP2(string api, string method, bool once)
    {
        // "Refused" is what allows a client to send the same request again.
        await using var upstream = new RefusingPlainHttp2Upstream();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await gateway.Send(method, $"/{api}/once", await gateway.Token("alice"), method == "POST" ? "{}" : null);

        Assert.Equal(HttpStatusCode.BadGateway, answer.Status);
        if (once)
        {
            Assert.Equal(1, upstream.Requests);
            await Outcome(gateway);
        }
        else
        {
            // The cases above can fail: the stack does repeat what is not counted.
            Assert.True(upstream.Requests > 1);
        }
    }

    /// <summary>It counts as used, and what came of it is on record.</summary>
    private static async Task Outcome(GatewayFixture gateway)
    {
        var dave = await gateway.Token("dave");
        await Eventually.Get(async () => (await gateway.Approver("GET", "audit", dave)).Body is var all && all.Contains("upstream-unreachable", StringComparison.Ordinal) ? all : null);
    }
}
