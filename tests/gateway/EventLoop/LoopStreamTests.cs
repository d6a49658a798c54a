using System.Net;
using System.Net.Sockets;
using JitGrains.Gateway.EventLoop;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.EventLoop;

/// <summary>Connections to others on the loop: made or refused, silent or not, cut by anybody.</summary>
public sealed class LoopStreamTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly SocketLoop loop = new(TimeProvider.System);
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);

    public LoopStreamTests() => listener.Start();

    [Fact]
    public async Task What_is_sent_arrives_and_what_comes_is_received_until_the_end()
    {
        var (stream, peer) = await Pair();
        using (stream)
        {
            var sent = new byte[8 * 1024 * 1024];
            Random.Shared.NextBytes(sent);
            var sending = stream.Send(sent).AsTask();
            Assert.False(sending.IsCompleted);
            var arrived = new byte[sent.Length];
            await peer.GetStream().ReadExactlyAsync(arrived);
            Assert.Equal(sent.Length, await sending.WaitAsync(Patience));
            Assert.Equal(sent, arrived);

            var back = peer.GetStream().WriteAsync(sent).AsTask();
            var buffer = new byte[10_000];
            var received = new MemoryStream();
            while (received.Length < sent.Length)
                received.Write(buffer, 0, await stream.Receive(buffer));
            await back;
            Assert.Equal(sent, received.ToArray());
            peer.Dispose();
            Assert.Equal(0, await stream.Receive(buffer).AsTask().WaitAsync(Patience));
        }
    }

    [Fact]
    public async Task It_is_silent_until_something_comes_and_again_once_all_is_received()
    {
        var (stream, peer) = await Pair();
        using (stream)
        using (peer)
        {
            var buffer = new byte[100];
            for (var round = 0; round < 200; round++)
            {
                Assert.True(stream.IsSilent);
                // In two pieces, which the loop may hear of as two.
                await peer.GetStream().WriteAsync("ab"u8.ToArray());
                await Eventually.Holds(() => !stream.IsSilent);
                await peer.GetStream().WriteAsync("cd"u8.ToArray());
                for (var count = 0; count < 4;)
                    count += await stream.Receive(buffer);
                Assert.True(stream.IsSilent);
            }

            // Whoever waited for more without anything coming is cut.
            var waiting = stream.Receive(buffer).AsTask();
            await Assert.ThrowsAsync<InvalidOperationException>(() => stream.Receive(buffer).AsTask());
            stream.Dispose();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Patience));
            Assert.False(stream.IsSilent);
        }

        var (other, ended) = await Pair();
        using (other)
        {
            ended.Dispose();
            await Eventually.Holds(() => !other.IsSilent);
        }
    }

    [Fact]
    public async Task A_connection_that_breaks_is_no_end()
    {
        var (stream, peer) = await Pair();
        using (stream)
        {
            var waiting = stream.Receive(new byte[10]).AsTask();
            peer.Client.Close(0);
            var failure = await Assert.ThrowsAsync<SocketException>(() => waiting.WaitAsync(Patience));
            Assert.Equal(SocketError.ConnectionReset, failure.SocketErrorCode);
        }
    }

    [Fact]
    public async Task Who_refuses_is_told_from_who_does_not_answer()
    {
        var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var nobody = (IPEndPoint)closed.LocalEndpoint;
        closed.Stop();
        var refused = await Assert.ThrowsAsync<SocketException>(() => LoopStream.Connect(loop, nobody, CancellationToken.None).AsTask());
        Assert.Equal(SocketError.ConnectionRefused, refused.SocketErrorCode);

        // One whose queue is full takes nobody in.
        using var full = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        full.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        full.Listen(0);
        using var enough = new CancellationTokenSource();
        var connecting = Enumerable.Range(0, 4).Select(_ => LoopStream.Connect(loop, (IPEndPoint)full.LocalEndPoint!, enough.Token).AsTask()).ToArray();
        await Eventually.Holds(() => connecting.Any(c => c.IsCompletedSuccessfully));
        await enough.CancelAsync();
        var ended = await Task.WhenAll(connecting.Select(c => Record.ExceptionAsync(() => c.WaitAsync(Patience))));
        Assert.Contains(ended, e => e is OperationCanceledException);
        Assert.All(ended, e => Assert.True(e is null or OperationCanceledException, $"{e}"));
        foreach (var one in connecting.Where(c => c.IsCompletedSuccessfully))
            (await one).Dispose();
    }

    [Fact]
    public async Task Cut_at_any_moment_it_ends_for_whoever_uses_it()
    {
        for (var round = 0; round < 500; round++)
        {
            var (stream, peer) = await Pair();
            using (peer)
            {
                var talk = Talk(stream);
                var answer = Answer(peer);
                var cut = Task.Run(stream.Dispose);
                Assert.True(await talk.WaitAsync(Patience) is ObjectDisposedException or SocketException);
                await cut;
                await answer;
            }
        }

        static async Task<Exception?> Talk(LoopStream stream)
        {
            var buffer = new byte[10];
            return await Record.ExceptionAsync(async () =>
            {
                while (true)
                {
                    await stream.Send("x"u8.ToArray());
                    if (await stream.Receive(buffer) == 0)
                        throw new SocketException((int)SocketError.ConnectionReset);
                }
            });
        }

        static async Task Answer(TcpClient peer)
        {
            var buffer = new byte[10];
            await Record.ExceptionAsync(async () =>
            {
                while (await peer.GetStream().ReadAsync(buffer) is > 0 and var count)
                    await peer.GetStream().WriteAsync(buffer.AsMemory(0, count));
            });
        }
    }

    public void Dispose()
    {
        listener.Dispose();
        loop.Dispose();
    }

    private async Task<(LoopStream Stream, TcpClient Peer)> Pair()
    {
        var accepting = listener.AcceptTcpClientAsync();
        var stream = await LoopStream.Connect(loop, (IPEndPoint)listener.LocalEndpoint, CancellationToken.None);
        return (stream, await accepting);
    }
}
