using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>Speaks just enough HTTP/2 (RFC 9113, prior knowledge) to refuse each request with REFUSED_STREAM, and counts them.</summary>
internal sealed class RefusingPlainHttp2Upstream : IAsyncDisposable
{
    private const int PrefaceLength = 24;
    private const byte Headers = 1;
    private const byte Reset = 3;
    private const byte Settings = 4;
    private const byte Acknowledged = 1;
    private const byte Refused = 7;

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Task accepting;
    private int requests;

    public RefusingPlainHttp2Upstream()
    {
        listener.Start();
        accepting = Accept();
    }

    public Uri Address => new($"http://{listener.LocalEndpoint}");

    public int Requests => Volatile.Read(ref requests);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Dispose();
        await accepting;
        stop.Dispose();
    }

    private async Task Accept()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
                serving.Add(Serve(await listener.AcceptTcpClientAsync(stop.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task Serve(TcpClient client)
    {
        using (client)
        {
            try
            {
                var connection = client.GetStream();
                await connection.ReadExactlyAsync(new byte[PrefaceLength], stop.Token);
                await connection.WriteAsync(Frame(Settings, 0, 0, []), stop.Token);
                var head = new byte[9];
                while (true)
                {
                    await connection.ReadExactlyAsync(head, stop.Token);
                    await connection.ReadExactlyAsync(new byte[(head[0] << 16) | (head[1] << 8) | head[2]], stop.Token);
                    var stream = BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5));
                    if (head[3] == Settings && head[4] != Acknowledged)
                    {
                        await connection.WriteAsync(Frame(Settings, Acknowledged, 0, []), stop.Token);
                    }
                    else if (head[3] == Headers)
                    {
                        Interlocked.Increment(ref requests);
                        await connection.WriteAsync(Frame(Reset, 0, stream, [0, 0, 0, Refused]), stop.Token);
                    }
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The other side is gone, or the test is over.
            }
        }
    }

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        (frame[2], frame[3], frame[4]) = ((byte)payload.Length, type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }
}
