using System.Diagnostics.CodeAnalysis;
using System.IO.Compression;
using System.Net;
using System.Net.Sockets;
using System.Text;
using JitGrains.GatewayTests.Proxying;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>Run alone: floods make the whole process late, and then gateways turn other tests' calls away.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class FloodCollection
{
    public const string Name = "floods";
}

/// <summary>Slow clients, large headers, many connections, bombs: over real sockets, with limits small enough to wait for.</summary>
[Collection(FloodCollection.Name)]
public sealed class FloodTests
{
    [Fact]
    public async Task Headers_that_do_not_come_are_not_waited_for()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("HeadersWithin", "00:00:01"));
        var slow = await Task.WhenAll(Enumerable.Range(0, 50).Select(async i =>
        {
            using var caller = await RawCaller.Connect(gateway.Gateway);
            // Some say nothing more, some a byte now and then.
            await caller.Send("GET /open/x HTTP/1.1\r\nHost: x\r\nX-A: ");
            var answer = Ended(caller);
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
            while (i % 2 == 0 && !answer.IsCompleted && await pace.WaitForNextTickAsync())
                await Ignoring(() => caller.Send("b"));
            return await answer;
        }));
        Assert.All(slow, a => Assert.True(a.Length == 0 || a.StartsWith("HTTP/1.1 408 ", StringComparison.Ordinal), a));
        Assert.Empty(upstream.Seen);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/.jit/livez")).Status);
    }

    [Fact]
    public async Task A_connection_without_a_request_ends()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("IdleWithin", "00:00:01"));
        foreach (var listener in new[] { gateway.Gateway, gateway.Http2, gateway.Control })
        {
            using var caller = await RawCaller.Connect(listener);
            if (listener == gateway.Http2)
                await caller.Send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0");
            _ = await Ended(caller);
        }
    }

    [Theory]
    [InlineData("/open/x")]
    [InlineData("/read/x")]
    public async Task A_body_that_comes_slowly_is_cut(string path)
    {
        var cut = new TaskCompletionSource();
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            try
            {
                await context.Request.Body.CopyToAsync(Stream.Null);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException or Microsoft.AspNetCore.Http.BadHttpRequestException)
            {
                cut.TrySetResult();
            }
        });
        await using var gateway = await AddressPolicy.Start(upstream, ("MinBytesPerSecond", "1000"), ("SlowGrace", "00:00:01.5"));
        using var caller = await RawCaller.Connect(gateway.Gateway);
        await caller.Send($"POST {path} HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\n{AddressPolicy.Bearer(await gateway.Token("alice"))}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{{");
        var answer = Ended(caller);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!answer.IsCompleted && await pace.WaitForNextTickAsync())
            await Ignoring(() => caller.Send(" "));
        var status = await answer;
        Assert.True(status.Length == 0 || status.StartsWith("HTTP/1.1 4", StringComparison.Ordinal), status);
        if (path == "/open/x")
            await cut.Task.WaitAsync(TimeSpan.FromMinutes(2));
        else
            Assert.Empty(upstream.Seen);
    }

    [Fact]
    public async Task An_answer_that_nobody_reads_is_cut()
    {
        var cut = new TaskCompletionSource();
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            var block = new byte[64 * 1024];
            try
            {
                for (var i = 0; i < 16 * 1024; i++)
                    await context.Response.Body.WriteAsync(block, context.RequestAborted);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // One of the ways in which a cut shows.
            }

            // The other: writes to a connection that is gone end at once and say nothing, and where the machine is busy all of them
            // may be over before the abort is told. So much fits into no buffer: it ends only where it was cut.
            cut.TrySetResult();
        });
        await using var gateway = await AddressPolicy.Start(upstream, ("MinBytesPerSecond", "1000000"), ("SlowGrace", "00:00:01.5"));
        using var caller = await RawCaller.Connect(gateway.Gateway);
        await caller.Send($"GET /open/x HTTP/1.1\r\nHost: {gateway.Gateway.Authority}\r\n{AddressPolicy.Bearer(await gateway.Token("alice"))}\r\n\r\n");
        await cut.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Theory]
    [InlineData("/.jit/livez", 150, 10, 200)]
    [InlineData("/.jit/livez", 201, 10, 431)]
    [InlineData("/.jit/livez", 1, 60_000, 200)]
    [InlineData("/.jit/livez", 1, 70_000, 431)]
    [InlineData("/.jit/livez", 10, 7_000, 431)]
    public async Task Headers_have_a_number_and_a_size(string target, int count, int length, int status)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream);
        var headers = Enumerable.Range(0, count).Select(i => $"X-{i}: {new string('x', length)}");
        var answer = await RawCaller.Exchange(gateway.Gateway, "GET " + target, [.. headers]);
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.StartsWith("HTTP/1.1 414 ", await RawCaller.Exchange(gateway.Gateway, $"GET {target}{new string('x', 9_000)}", []), StringComparison.Ordinal);
    }

    [Fact]
    [SuppressMessage("Reliability", "CA2000", Justification = "They are disposed of together.")]
    public async Task Connections_have_a_number_and_the_control_plane_its_own()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("MaxConnections", "20"));
        var alice = await gateway.Token("alice");
        var callers = new List<RawCaller?>();
        for (var i = 0; i < 60; i++)
            callers.Add(await TryConnect(i % 2 == 0 ? gateway.Gateway : gateway.Http2));
        // Those that are too many are closed; the others stay.
        var ended = callers.ConvertAll(Ended);
        await Eventually.Holds(() => ended.Count(e => e.IsCompleted) >= 40);
        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("GET", "requests", alice)).Status);
        Assert.Equal("", await Alive(gateway));
        Assert.Equal(20, ended.Count(e => !e.IsCompleted));

        // Where some go, others find room.
        callers.ForEach(c => c?.Dispose());
        await Eventually.Get(async () => (await Alive(gateway)).StartsWith("HTTP/1.1 200 ", StringComparison.Ordinal) ? "yes" : null);
    }

    [Theory]
    [InlineData("10.0.0.0/8", 5)]
    [InlineData("127.0.0.1", 30)]
    public async Task One_address_cannot_take_all_unless_it_is_a_listed_proxy(string proxies, int most)
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await AddressPolicy.Start(upstream, ("MaxConnectionsPerAddress", "5"), ("Proxies", proxies));
        var callers = new List<RawCaller?>();
        for (var i = 0; i < 30; i++)
            callers.Add(await TryConnect(gateway.Gateway));
        var ended = callers.ConvertAll(Ended);
        await Eventually.Holds(() => ended.Count(e => e.IsCompleted) >= 30 - most);
        Assert.Equal(most, ended.Count(e => !e.IsCompleted));
        callers.ForEach(c => c?.Dispose());
    }

    [Fact]
    public async Task A_compressed_body_is_not_opened()
    {
        byte[]? got = null;
        await using var upstream = await OrdersUpstream.Start(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            got = body.ToArray();
        });
        await using var gateway = await AddressPolicy.Start(upstream);
        // A gibibyte in a mebibyte.
        using var bomb = new MemoryStream();
        await using (var gzip = new GZipStream(bomb, CompressionLevel.SmallestSize, leaveOpen: true))
        {
            var zeros = new byte[1024 * 1024];
            for (var i = 0; i < 1024; i++)
                await gzip.WriteAsync(zeros);
        }

        var sent = bomb.ToArray();
        Assert.InRange(sent.Length, 1, 2 * 1024 * 1024);
        using var client = new HttpClient();
        foreach (var (path, status) in new[] { ("/open/x", HttpStatusCode.OK), ("/read/x", HttpStatusCode.Forbidden) })
        {
            got = null;
            using var request = GatewayFixture.Request("POST", new Uri(gateway.Gateway, path), await gateway.Token("alice"), null);
            request.Content = new ByteArrayContent(sent);
            request.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
            request.Content.Headers.TryAddWithoutValidation("Content-Encoding", "gzip");
            using var response = await client.SendAsync(request);
            // Where rules look at the body, what they would see in it is unknown; elsewhere it passes as it is.
            Assert.Equal(status, response.StatusCode);
            Assert.Equal(status == HttpStatusCode.OK ? sent : null, got);
        }
    }

    private static async Task<string> Alive(GatewayFixture gateway)
    {
        using var caller = await TryConnect(gateway.Gateway);
        if (caller is not null)
            await Ignoring(() => caller.Send("GET /.jit/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        return await Ended(caller);
    }

    /// <summary>Null where it was closed as soon as it was there.</summary>
    private static async Task<RawCaller?> TryConnect(Uri to)
    {
        try
        {
            return await RawCaller.Connect(to);
        }
        catch (SocketException)
        {
            return null;
        }
    }

    private static async Task<string> Ended(RawCaller? caller)
    {
        if (caller is null)
            return "";
        try
        {
            return await caller.ReadToEnd().WaitAsync(TimeSpan.FromSeconds(60));
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or SocketException)
        {
            return "";
        }
    }

    private static async Task Ignoring(Func<Task> send)
    {
        try
        {
            await send();
        }
        catch (IOException)
        {
            // It is closed; what came of it is read elsewhere.
        }
    }
}
