using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using JitGrains.GatewayTests.Support;
using Microsoft.AspNetCore.Http;

namespace JitGrains.GatewayTests.EventLoop;

/// <summary>Callers' connections on the loop, by real clients: what is said arrives, whole and in order, and who leaves is noticed.</summary>
public sealed class LoopTransportTests
{
    private const int Large = 48 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Large_bodies_pass_whole_in_both_directions_at_once()
    {
        await using var server = await LoopServer.Start(async context =>
        {
            context.Response.ContentLength = context.Request.ContentLength;
            await context.Request.BodyReader.CopyToAsync(context.Response.BodyWriter);
        });
        await Task.WhenAll(Enumerable.Range(1, 4).Select(async i =>
        {
            var body = RandomNumberGenerator.GetBytes((Large / 4) + i);
            using var client = await Connect(server);
            await Send(client, $"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {body.Length}\r\n\r\n");
            var sending = client.GetStream().WriteAsync(body).AsTask();
            var answer = await ReadToEnd(client);
            await sending;
            Assert.Equal(Convert.ToHexString(SHA256.HashData(body)), Convert.ToHexString(SHA256.HashData(Body(answer))));
        })).WaitAsync(Patience);
    }

    [Fact]
    public async Task An_answer_waits_for_a_caller_that_reads_slowly_and_is_whole_then()
    {
        var body = RandomNumberGenerator.GetBytes(Large);
        var writing = new TaskCompletionSource<Task>();
        await using var server = await LoopServer.Start(context =>
        {
            context.Response.ContentLength = Large;
            Task all = context.Response.Body.WriteAsync(body).AsTask();
            writing.SetResult(all);
            return all;
        });
        using var client = await Connect(server);
        await Send(client, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        // More than any buffer between takes: it waits.
        Assert.False((await writing.Task).IsCompleted);
        var answer = await ReadToEnd(client);
        Assert.Equal(Convert.ToHexString(SHA256.HashData(body)), Convert.ToHexString(SHA256.HashData(Body(answer))));
    }

    [Fact]
    public async Task Requests_in_one_piece_are_answered_in_order_and_so_are_those_in_pieces_of_a_byte()
    {
        await using var server = await LoopServer.Start(context => context.Response.WriteAsync($"<{context.Request.Path}>"));
        using var client = await Connect(server);
        var many = string.Concat(Enumerable.Range(0, 500).Select(i => $"GET /{i} HTTP/1.1\r\nHost: x\r\nX-Padding: {new string('p', i)}\r\n\r\n"));
        await Send(client, many);
        await ReadUntil(client, "</499>");

        client.NoDelay = true;
        foreach (var one in "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await Send(client, one.ToString());
        Assert.Contains("</slow>", await ReadUntil(client, "</slow>"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_leaves_while_it_is_served_is_noticed()
    {
        foreach (var abortively in (bool[])[true, false])
        {
            var (here, gone) = (new TaskCompletionSource(), new TaskCompletionSource());
            await using var server = await LoopServer.Start(async context =>
            {
                context.RequestAborted.Register(() => gone.TrySetResult());
                here.SetResult();
                await gone.Task;
            });
            using (var client = await Connect(server))
            {
                if (abortively)
                    client.LingerState = new LingerOption(true, 0);
                await Send(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nnot all of it");
                await here.Task.WaitAsync(Patience);
            }

            await gone.Task.WaitAsync(Patience);
        }
    }

    [Fact]
    public async Task Who_is_cut_off_gets_nothing_more_and_who_was_waited_for_is_waited_for_no_longer()
    {
        var ended = new TaskCompletionSource<Exception?>();
        await using var server = await LoopServer.Start(async context =>
        {
            Task reading = context.Request.Body.ReadAsync(new byte[10]).AsTask();
            context.Abort();
            ended.SetResult(await Record.ExceptionAsync(() => reading.WaitAsync(Patience)));
        });
        using var client = await Connect(server);
        await Send(client, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n");
        var failure = await ended.Task.WaitAsync(Patience);
        Assert.NotNull(failure);
        Assert.IsNotType<TimeoutException>(failure);
        Assert.Equal(string.Empty, await ReadUntil(client, "HTTP"));
    }

    [Fact]
    public async Task A_write_that_is_cancelled_ends_and_who_does_not_read_keeps_nobody()
    {
        var ended = new TaskCompletionSource<Exception?>();
        await using var server = await LoopServer.Start(async context =>
        {
            using var enough = new CancellationTokenSource();
            Task writing = context.Response.Body.WriteAsync(new byte[Large], enough.Token).AsTask();
            await enough.CancelAsync();
            ended.SetResult(await Record.ExceptionAsync(() => writing.WaitAsync(Patience)));
            context.Abort();
        });
        using var client = await Connect(server);
        await Send(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        Assert.IsAssignableFrom<OperationCanceledException>(await ended.Task.WaitAsync(Patience));
    }

    [Fact]
    public async Task Connections_that_come_and_go_are_not_taken_for_each_other()
    {
        await using var server = await LoopServer.Start(async context =>
        {
            await Task.Yield();
            await context.Response.WriteAsync($"<{context.Request.Path}>");
        });
        await Parallel.ForAsync(0, 3000, new ParallelOptions { MaxDegreeOfParallelism = 32 }, async (i, _) =>
        {
            using var client = await Connect(server);
            if (i % 3 == 0)
                client.LingerState = new LingerOption(true, 0);
            await Send(client, $"GET /{i} HTTP/1.1\r\nHost: x\r\n\r\n");
            // Some go before they have their answer.
            if (i % 5 != 0)
                Assert.Contains($"<{'/'}{i}>", await ReadUntil(client, ">"), StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_head_that_does_not_come_in_time_is_answered_and_a_server_that_stops_waits_for_nobody()
    {
        await using var server = await LoopServer.Start(context => context.Response.WriteAsync("here"), limits => limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1));
        using var client = await Connect(server);
        await Send(client, "GET / HTTP/1.1\r\nHo");
        Assert.Contains("408", await ReadUntil(client, "Timeout"), StringComparison.Ordinal);

        using var idle = await Connect(server);
        await Send(idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        await ReadUntil(idle, "0\r\n\r\n");
        await server.Stop().WaitAsync(Patience);
        Assert.Equal(string.Empty, await ReadUntil(idle, "more"));
    }

    [Fact]
    public async Task Its_threads_end_with_it_and_more_than_there_are_may_be_kept_until_then()
    {
        using var go = new ManualResetEventSlim();
        var kept = new CountdownEvent(20);
        var server = await LoopServer.Start(context =>
        {
            if (context.Request.Path == "/keep")
            {
                kept.Signal();
                go.Wait();
            }

            return context.Response.WriteAsync("here");
        });
        var loop = server.Loop;
        var clients = Enumerable.Range(0, 20).Select(_ => new HttpClient(new SocketsHttpHandler()) { BaseAddress = server.Address, Timeout = Patience }).ToArray();
        foreach (var client in clients)
            Assert.Equal("here", await client.GetStringAsync("/"));
        var calls = clients.Select(c => c.GetStringAsync("/keep")).ToArray();
        Assert.True(await Task.Run(() => kept.Wait(Patience)));
        await Eventually.Holds(() => loop.Threads > 20);
        go.Set();
        Assert.All(await Task.WhenAll(calls), answer => Assert.Equal("here", answer));
        foreach (var client in clients)
            client.Dispose();
        await server.DisposeAsync();
        await Eventually.Holds(() => loop.Threads == 0);
        kept.Dispose();
    }

    private static async Task<byte[]> ReadToEnd(TcpClient client)
    {
        using var received = new MemoryStream();
        await client.GetStream().CopyToAsync(received);
        return received.ToArray();
    }

    private static ReadOnlySpan<byte> Body(byte[] answer) => answer.AsSpan(answer.AsSpan().IndexOf("\r\n\r\n"u8) + 4);

    private static async Task<TcpClient> Connect(LoopServer server)
    {
        var client = new TcpClient();
        await client.ConnectAsync(server.Address.Host, server.Address.Port);
        return client;
    }

    private static ValueTask Send(TcpClient client, string what) => client.GetStream().WriteAsync(Encoding.Latin1.GetBytes(what));

    /// <summary>What comes until this does, or until the end.</summary>
    private static async Task<string> ReadUntil(TcpClient client, string last)
    {
        using var limit = new CancellationTokenSource(Patience);
        var text = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            while (!text.ToString().Contains(last, StringComparison.Ordinal) && await client.GetStream().ReadAsync(buffer, limit.Token) is > 0 and var count)
                text.Append(Encoding.Latin1.GetString(buffer, 0, count));
        }
        catch (IOException)
        {
            // It was broken off.
        }

        return text.ToString();
    }
}
