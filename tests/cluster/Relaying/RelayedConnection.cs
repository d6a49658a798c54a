using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Relaying;

/// <summary>One connection through a relay.</summary>
internal sealed class RelayedConnection(TcpRelay relay, Socket near, int target)
{
    private const int Backlog = 64;

    private readonly Socket far = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    public async Task Run(CancellationToken stop)
    {
        near.NoDelay = true;
        await relay.Passing.WaitAsync(stop);
        await far.ConnectAsync(new IPEndPoint(IPAddress.Loopback, target), stop);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        // Either direction's end is the whole connection's: PostgreSQL's protocol knows no half-open ones.
        await Task.WhenAny(Pump(near, far, over.Token), Pump(far, near, over.Token));
        await over.CancelAsync();
    }

    /// <summary>Closes both sides with a reset, as a crashed host does.</summary>
    public void Reset()
    {
        foreach (var socket in new[] { near, far })
        {
            try
            {
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // It is closed already.
            }

            socket.Dispose();
        }
    }

    private async Task Pump(Socket from, Socket to, CancellationToken over)
    {
        var way = Channel.CreateBounded<(byte[] Bytes, long ReadAt)>(Backlog);
        var writing = Write(way.Reader, to, over);
        var buffer = new byte[32 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer, SocketFlags.None, over) is > 0 and var count)
                await way.Writer.WriteAsync((buffer[..count], TimeProvider.System.GetTimestamp()), over);
        }
        finally
        {
            way.Writer.TryComplete();
        }

        await writing;
    }

    private async Task Write(ChannelReader<(byte[] Bytes, long ReadAt)> way, Socket to, CancellationToken over)
    {
        await foreach (var (bytes, readAt) in way.ReadAllAsync(over))
        {
            // Timers go by whole milliseconds, and cut off what is more: the last of it takes another look.
            while (relay.Latency - TimeProvider.System.GetElapsedTime(readAt) is var left && left > TimeSpan.Zero)
                await Until.Passed(left, over);

            // Before writing and not before reading: what was on its way is held as well.
            await relay.Passing.WaitAsync(over);
            await to.SendAsync(bytes, SocketFlags.None, over);
        }
    }
}
