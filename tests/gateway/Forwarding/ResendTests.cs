using System.Net;
using JitGrains.Gateway.Forwarding;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Forwarding;

/// <summary>An upstream that reads a counted call and closes the connection has seen it once.</summary>
public sealed class ResendTests
{
    public static TheoryData<string, bool, bool> Calls()
    {
        var data = new TheoryData<string, bool, bool>();
        foreach (var method in new[] { "GET", "HEAD", "DELETE", "POST", "PUT" })
        {
            foreach (var warm in new[] { false, true })
            {
                data.Add(method, warm, false);
                if (method is "DELETE" or "POST" or "PUT")
                    data.Add(method, warm, true);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task A_counted_call_is_sent_once(string method, bool warm, bool body)
    {
        await using var upstream = new RawUpstream((head, connection) =>
            head.Contains("/warm", StringComparison.Ordinal) ? RawUpstream.Write(connection, RawUpstream.Ok) : Task.FromResult(false));
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), () => new ExecutionGate(once: true, mayStart: null));
        if (warm)
            Assert.Equal(HttpStatusCode.OK, (await host.Client.GetAsync("/warm")).StatusCode);

        using var request = new HttpRequestMessage(new HttpMethod(method), "/once");
        if (body)
            request.Content = new StringContent("{}");
        using var response = await host.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Single(upstream.Heads, h => h.Contains("/once", StringComparison.Ordinal));
        Assert.Equal(ForwardErrors.UpstreamUnreachable, host.Results[^1].Error);
    }

    /// <summary>The test above can fail: without the guard the stack does send such a call again.</summary>
    [Fact]
    public async Task An_uncounted_call_may_be_sent_again()
    {
        await using var upstream = new RawUpstream((head, connection) =>
            head.Contains("/warm", StringComparison.Ordinal) ? RawUpstream.Write(connection, RawUpstream.Ok) : Task.FromResult(false));
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), () => new ExecutionGate(once: false, mayStart: null));
        await host.Client.GetAsync("/warm");

        using var response = await host.Client.GetAsync("/again");

        Assert.True(upstream.Heads.Count(h => h.Contains("/again", StringComparison.Ordinal)) > 1);
    }

    /// <summary>Over HTTP/2 a refused stream invites the stack to send the request again; the control is the uncounted call.</summary>
    [Theory]
    [InlineData("GET", true)]
    [InlineData("DELETE", true)]
    [InlineData("POST", true)]
    [InlineData("GET", false)]
    public async Task A_counted_call_over_http2_is_sent_once(string method, bool counted)
    {
        using var certificate = TestCertificate.Make();
        await using var upstream = new RefusingHttp2Upstream(certificate);
        await using var host = await ForwarderHost.Start(
            ForwarderHost.Api(upstream.Address), () => new ExecutionGate(once: counted, mayStart: null), clients: new TrustingClients(certificate));
        using var request = new HttpRequestMessage(new HttpMethod(method), "/once");
        if (method == "POST")
            request.Content = new StringContent("{}");

        using var response = await host.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.True(counted ? upstream.Heads == 1 : upstream.Heads > 1, $"{upstream.Heads} heads");
    }

    [Fact]
    public async Task Nothing_is_sent_where_the_last_check_says_no()
    {
        await using var upstream = new RawUpstream((_, connection) => RawUpstream.Write(connection, RawUpstream.Ok));
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), () => new ExecutionGate(once: true, () => ForwardErrors.LeaseLost));

        using var response = await host.Client.PostAsync("/refunds", new StringContent("{}"));

        Assert.Equal(HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Empty(upstream.Heads);
        Assert.Equal(ForwardErrors.LeaseLost, host.Results[^1].Error);
    }
}
