using System.Net;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>HTTP/2 on either side, trailers, and interim responses.</summary>
public sealed class Http2Tests
{
    [Theory]
    [InlineData(1, "open", "HTTP/1.1")]
    [InlineData(2, "open", "HTTP/1.1")]
    [InlineData(1, "modern", "HTTP/2")]
    [InlineData(2, "modern", "HTTP/2")]
    [InlineData(2, "moderncounted", "HTTP/2")]
    public async Task Either_side_speaks_its_own_version(int version, string api, string upstreams)
    {
        await using var upstream = await OrdersUpstream.Start(protocols: upstreams == "HTTP/2" ? HttpProtocols.Http2 : HttpProtocols.Http1);
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await Send(gateway, version, "POST", $"/{api}/a%20b?x=%31&", "hello");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal(new Version(version, version == 2 ? 0 : 1), answer.Response.Version);
        Assert.Equal("hello", answer.Json["body"]!.GetValue<string>());
        var seen = Assert.Single(upstream.Seen);
        Assert.Equal((upstreams, "POST", $"/{api}/a%20b?x=%31&"), (seen.Protocol, seen.Method, seen.Target));
        Assert.Equal(upstream.Address.Authority, seen.Headers["Host"]);
        Assert.Equal((version == 2 ? gateway.Http2 : gateway.Gateway).Authority, seen.Headers["X-Forwarded-Host"]);
    }

    /// <summary>As gRPC has it: the status comes after the body, or at once where there is no body.</summary>
    [Theory]
    [InlineData("body")]
    [InlineData("")]
    public async Task Trailers_of_an_answer_pass_over_HTTP2(string body)
    {
        await using var upstream = await OrdersUpstream.Start(
            async context =>
            {
                // Whoever answers before it has read the request resets its stream, and the HTTP stack may see that before the answer.
                await context.Request.Body.CopyToAsync(Stream.Null);
                context.Response.ContentType = "application/grpc";
                context.Response.DeclareTrailer("grpc-status");
                if (body.Length > 0)
                    await context.Response.WriteAsync(body);
                context.Response.AppendTrailer("grpc-status", "7");
                context.Response.AppendTrailer("grpc-message", "no%20more");
                context.Response.AppendTrailer("Jit-Decision", "allow");
            },
            protocols: HttpProtocols.Http2);
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await Send(gateway, 2, "POST", "/modern/orders.Orders/Refund", "in", ("TE", "trailers"));

        Assert.Equal(body, answer.Body);
        Assert.Equal("7", answer.Response.TrailingHeaders.GetValues("grpc-status").Single());
        Assert.Equal("no%20more", answer.Response.TrailingHeaders.GetValues("grpc-message").Single());
        Assert.False(answer.Response.TrailingHeaders.Contains("Jit-Decision"));
        Assert.Equal("trailers", upstream.Seen.Single().Headers["TE"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Trailers_of_an_HTTP1_answer_pass(int version)
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(
            c, "HTTP/1.1 200 OK\r\nTrailer: Checksum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nChecksum: 99\r\nJit-Decision: allow\r\n\r\n"));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await Send(gateway, version, "GET", "/open/x");

        Assert.Equal("ok", answer.Body);
        // Kestrel writes no trailers in HTTP/1.1; the body is whole without them.
        Assert.Equal(version == 2 ? "99" : null, answer.Response.TrailingHeaders.TryGetValues("Checksum", out var values) ? values.Single() : null);
        Assert.False(answer.Response.TrailingHeaders.Contains("Jit-Decision"));
    }

    /// <summary>The HTTP client has no trailers for requests; the body passes whole and they end here, whatever they are called.</summary>
    [Fact]
    public async Task Trailers_of_a_request_end_at_the_gateway()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await RawCaller.Exchange(
            gateway.Gateway,
            "POST /open/x",
            [$"Authorization: Bearer {await gateway.Token("alice")}", "Trailer: X-Late", "Transfer-Encoding: chunked"],
            "5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Contains("hello", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("X-Late", upstream.Seen.Single().Headers.Keys, StringComparer.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Interim_responses_of_an_upstream_do_not_disturb_the_final_one(int version)
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(
            c, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + RawUpstream.Ok));
        await using var gateway = await ProxyPolicy.Start(upstream.Address);

        var answer = await Send(gateway, version, "GET", "/open/x");

        Assert.Equal((HttpStatusCode.OK, "ok"), (answer.Status, answer.Body));
        Assert.Null(answer.Header("Link"));
    }

    /// <summary>Who waits for 100 Continue gets it before it sends its body.</summary>
    [Theory]
    [InlineData("open")]
    [InlineData("counted")]
    public async Task A_caller_that_expects_100_gets_it(string api)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await ProxyPolicy.Start(upstream.Address);
        using var caller = await RawCaller.Connect(gateway.Gateway);
        await caller.Send($"POST /{api}/x HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\nConnection: close\r\nAuthorization: Bearer {await gateway.Token("alice")}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");

        Assert.Equal("HTTP/1.1 100 Continue\r\n\r\n", await caller.ReadUntil("\r\n\r\n"));
        await caller.Send("hello");

        var answer = await caller.ReadToEnd();
        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Contains("hello", answer, StringComparison.Ordinal);
    }

    private static async Task<Answer> Send(GatewayFixture gateway, int version, string method, string path, string? body = null, params (string, string)[] headers)
    {
        using var client = new HttpClient();
        var at = new Uri((version == 2 ? gateway.Http2 : gateway.Gateway).GetLeftPart(UriPartial.Authority) + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });
        using var request = GatewayFixture.Request(method, at, await gateway.Token("alice"), null, headers);
        if (body is not null)
            request.Content = new StringContent(body);
        (request.Version, request.VersionPolicy) = (new Version(version, version == 2 ? 0 : 1), HttpVersionPolicy.RequestVersionExact);
        return await Answer.Of(await client.SendAsync(request));
    }
}
