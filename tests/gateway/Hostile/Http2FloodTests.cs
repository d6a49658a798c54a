using System.Net;
using JitGrains.GatewayTests.Support;
using static JitGrains.GatewayTests.Hostile.Http2Attacker;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>What HTTP/2 lets a client try on one connection. That connection ends; others and the control plane go on.</summary>
[Collection(FloodCollection.Name)]
public sealed class Http2FloodTests : IAsyncLifetime
{
    private OrdersUpstream upstream = null!;
    private GatewayFixture gateway = null!;
    private string token = null!;

    public async Task InitializeAsync()
    {
        upstream = await OrdersUpstream.Start();
        gateway = await AddressPolicy.Start(upstream, ("HeadersWithin", "00:00:02"));
        token = await gateway.Token("alice");
    }

    public async Task DisposeAsync()
    {
        await gateway.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_well_formed_request_is_answered()
    {
        using var attacker = await Connect(gateway.Http2);
        await attacker.Send(Frame(Headers, EndHeaders | EndStream, 1, attacker.Request("GET", "/open/x", ("authorization", "Bearer " + token))));
        Assert.NotNull(await attacker.ReadUntil(Data, 1));
        Assert.Single(upstream.Seen);
    }

    [Fact]
    public async Task Rapid_resets_end_the_connection()
    {
        using var attacker = await Connect(gateway.Http2);
        var block = attacker.Request("GET", "/open/x", ("authorization", "Bearer " + token));
        var refused = await attacker.Flood(i => [.. Frame(Headers, EndHeaders | EndStream, (uint)(2 * i + 1), block), .. Frame(Reset, 0, (uint)(2 * i + 1), [0, 0, 0, 8])], 100_000);
        Assert.True(refused, "100,000 requests were taken and reset on one connection.");
        await Others();
    }

    [Theory]
    [InlineData(16 * 1024)]
    [InlineData(1)]
    [InlineData(0)]
    public async Task Endless_continuations_end_the_connection(int length)
    {
        using var attacker = await Connect(gateway.Http2);
        await attacker.Send(Frame(Headers, EndStream, 1, attacker.Request("GET", "/open/x")));
        // A literal header that goes on and on; of length 0 or 1 only time ends it.
        var part = Frame(Continuation, 0, 1, new byte[length]);
        byte[] parts = length > 1 ? part : [.. Enumerable.Repeat(part, 100).SelectMany(p => p)];
        var ended = attacker.Closed();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        while (!ended.IsCompleted && !await attacker.Flood(_ => parts, 1))
            await pace.WaitForNextTickAsync();
        await ended;
        Assert.Empty(upstream.Seen);
        await Others();
    }

    [Theory]
    [InlineData(60_000, true)]
    [InlineData(70_000, false)]
    public async Task Headers_have_a_size_whatever_frames_they_come_in(int length, bool taken)
    {
        using var attacker = await Connect(gateway.Http2);
        var block = attacker.Request("GET", "/.jit/livez", ("x-long", new string('x', length)));
        var pieces = block.Chunk(16_000).ToArray();
        for (var i = 0; i < pieces.Length; i++)
        {
            if (await attacker.Flood(_ => Frame(i == 0 ? Headers : Continuation, (byte)((i == 0 ? EndStream : 0) | (i == pieces.Length - 1 ? EndHeaders : 0)), 1, pieces[i]), 1))
                break;
        }

        Assert.Equal(taken, await attacker.ReadUntil(Data, 1) is not null);
        await Others();
    }

    [Theory]
    [InlineData(Settings, 0, new byte[] { 0, 3, 0, 0, 0, 100 })]
    [InlineData(Settings, 0, new byte[] { })]
    [InlineData(Ping, 0, new byte[] { 1, 2, 3, 4, 5, 6, 7, 8 })]
    [InlineData(WindowUpdate, 0, new byte[] { 0, 0, 0, 1 })]
    public async Task A_flood_of_control_frames_takes_nothing_from_others(byte type, byte flags, byte[] payload)
    {
        using var attacker = await Connect(gateway.Http2);
        byte[] many = [.. Enumerable.Repeat(Frame(type, flags, 0, payload), 200).SelectMany(f => f)];
        // Nobody reads what is answered: either it stops to take more, or it closes.
        using var stop = new CancellationTokenSource();
        var flood = Task.Run(async () =>
        {
            try
            {
                for (var i = 0; i < 5_000; i++)
                    await attacker.Stream.WriteAsync(many, stop.Token);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // It would not have more.
            }
        });
        for (var i = 0; i < 20; i++)
            await Others();
        await stop.CancelAsync();
        await flood;
    }

    public static TheoryData<string, byte[][]> Malformed() => new()
    {
        { "a stream of the server's", [Frame(Headers, EndHeaders | EndStream, 2, [0x82])] },
        { "stream 0", [Frame(Headers, EndHeaders | EndStream, 0, [0x82])] },
        { "data before headers", [Frame(Data, EndStream, 1, [1])] },
        { "a continuation of nothing", [Frame(Continuation, EndHeaders, 1, [0x82])] },
        { "another frame within headers", [Frame(Headers, EndStream, 1, [0x82]), Frame(Ping, 0, 0, new byte[8])] },
        { "padding longer than the frame", [Frame(Headers, EndHeaders | EndStream | 8, 1, [200, 0x82])] },
        { "an index out of the table", [Frame(Headers, EndHeaders | EndStream, 1, [0xff, 0xff, 0xff, 0xff, 0x0f])] },
        { "a frame longer than allowed", [Frame(Data, 0, 1, new byte[16 * 1024 + 1])] },
        { "settings of a length that cannot be", [Frame(Settings, 0, 0, [1, 2, 3])] },
        { "a window above its bound", [Frame(WindowUpdate, 0, 0, [0x7f, 0xff, 0xff, 0xff]), Frame(WindowUpdate, 0, 0, [0x7f, 0xff, 0xff, 0xff])] },
        { "a window update of nothing", [Frame(WindowUpdate, 0, 0, [0, 0, 0, 0])] },
        { "a reset of an idle stream", [Frame(Reset, 0, 1, [0, 0, 0, 8])] },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task Malformed_frames_end_the_connection(string what, byte[][] frames)
    {
        using var attacker = await Connect(gateway.Http2);
        foreach (var frame in frames)
            await attacker.Flood(_ => frame, 1);
        var goAway = await attacker.ReadUntil(GoAway);
        Assert.True(goAway is null || goAway.Length >= 8, what);
        await attacker.Closed();
        Assert.Empty(upstream.Seen);
        await Others();
    }

    public static TheoryData<string, (string, string)[]> Downgrades() => new()
    {
        { "transfer-encoding", [("transfer-encoding", "chunked")] },
        { "connection", [("connection", "keep-alive")] },
        { "upgrade", [("upgrade", "h2c")] },
        { "a line break in a value", [("x-a", "b\r\nx-c: d")] },
        { "a line break in a name", [("x-a: b\r\nx-c", "d")] },
        { "a NUL", [("x-a", "b\0c")] },
        { "a capital in a name", [("X-A", "b")] },
        { "a length that is wrong", [("content-length", "5")] },
        { "two lengths", [("content-length", "0"), ("content-length", "5")] },
        { "a pseudo-header after the others", [("x-a", "b"), (":path", "/open/smuggled")] },
        { "a second path", [(":path", "/open/smuggled")] },
        { "another host", [("host", "evil.example.com")] },
    };

    [Theory]
    [MemberData(nameof(Downgrades))]
    public async Task What_HTTP1_would_read_otherwise_reaches_no_upstream(string what, (string, string)[] headers)
    {
        using var attacker = await Connect(gateway.Http2);
        await attacker.Send(Frame(Headers, EndHeaders | EndStream, 1, attacker.Request("GET", "/open/x", [("authorization", "Bearer " + token), .. headers])));
        await attacker.Flood(_ => Frame(Headers, EndHeaders | EndStream, 3, attacker.Request("GET", "/.jit/livez")), 1);
        // Either the request is refused and the next one is answered, or the connection ends.
        _ = await attacker.ReadUntil(Data, 3);
        Assert.True(upstream.Seen.Count == 0, what);
        await Others();
    }

    [Fact]
    public async Task No_frames_break_the_listener()
    {
        var random = new Random(17);
        for (var round = 0; round < 100; round++)
        {
            using var attacker = await Connect(gateway.Http2);
            await attacker.Flood(
                _ =>
                {
                    var payload = new byte[random.Next(64)];
                    random.NextBytes(payload);
                    return Frame((byte)random.Next(11), (byte)random.Next(256), (uint)random.Next(8), payload);
                },
                50);
        }

        await Others();
    }

    private async Task Others()
    {
        // Under a flood calls may be turned away at the door; they are answered all the same, and the control plane goes on.
        Assert.Contains((await gateway.Send("GET", "/.jit/livez")).Status, new[] { HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Approver("GET", "requests", token)).Status);
    }
}
