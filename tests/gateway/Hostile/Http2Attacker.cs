using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>HTTP/2 frames (RFC 9113) on a bare socket, as no client would send them.</summary>
internal sealed class Http2Attacker : IDisposable
{
    public const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    public const byte EndStream = 1, Ack = 1, EndHeaders = 4;

    private readonly TcpClient tcp = new() { NoDelay = true };
    private readonly Uri to;

    private Http2Attacker(Uri to) => this.to = to;

    public NetworkStream Stream { get; private set; } = null!;

    /// <summary>Connects and says that it speaks HTTP/2.</summary>
    public static async Task<Http2Attacker> Connect(Uri to)
    {
        var attacker = new Http2Attacker(to);
        await attacker.tcp.ConnectAsync(to.Host, to.Port);
        attacker.Stream = attacker.tcp.GetStream();
        await attacker.Stream.WriteAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8.ToArray());
        await attacker.Send(Frame(Settings, 0, 0, []));
        return attacker;
    }

    public static byte[] Frame(byte type, byte flags, uint stream, byte[] payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, (uint)payload.Length << 8 | type);
        frame[4] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame, 9);
        return frame;
    }

    /// <summary>A header block: literals, never indexed, no Huffman (RFC 7541 section 6.2.3).</summary>
    public static byte[] Block(params (string Name, string Value)[] headers) => [.. headers.SelectMany(h => (byte[])[0x10, .. Text(h.Name), .. Text(h.Value)])];

    /// <summary>The block of a request.</summary>
    public byte[] Request(string method, string path, params (string Name, string Value)[] headers) =>
        Block([(":method", method), (":scheme", "http"), (":authority", to.Authority), (":path", path), .. headers]);

    public async Task Send(byte[] bytes) => await Stream.WriteAsync(bytes);

    /// <summary>Sends the same again and again until the other side will not have it any more; false where it took everything.</summary>
    public async Task<bool> Flood(Func<int, byte[]> frames, int times)
    {
        try
        {
            for (var i = 0; i < times; i++)
                await Send(frames(i));
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Reads frames until one of this type comes, or the connection ends (null).</summary>
    public async Task<byte[]?> ReadUntil(byte type, uint? stream = null)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var head = new byte[9];
        try
        {
            while (true)
            {
                await Stream.ReadExactlyAsync(head, limit.Token);
                var payload = new byte[head[0] << 16 | head[1] << 8 | head[2]];
                await Stream.ReadExactlyAsync(payload, limit.Token);
                // A stream that ends otherwise has no more of it.
                if (stream is not null && BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(5)) == stream && (head[3] == Reset || (head[3] == Headers && (head[4] & EndStream) != 0)))
                    return null;
                if (head[3] == type && (stream is null || BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(5)) == stream))
                    return payload;
            }
        }
        catch (Exception e) when (e is IOException or EndOfStreamException)
        {
            return null;
        }
    }

    /// <summary>Reads on until the other side has closed the connection; fails if it does not.</summary>
    public async Task Closed()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var buffer = new byte[64 * 1024];
        try
        {
            while (await Stream.ReadAsync(buffer, limit.Token) > 0)
            {
            }
        }
        catch (IOException)
        {
            // It was reset.
        }
    }

    public void Dispose() => tcp.Dispose();

    private static byte[] Text(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        if (bytes.Length < 127)
            return [(byte)bytes.Length, .. bytes];
        var length = new List<byte> { 127 };
        var rest = bytes.Length - 127;
        for (; rest >= 128; rest >>= 7)
            length.Add((byte)(rest & 127 | 128));
        length.Add((byte)rest);
        return [.. length, .. bytes];
    }
}
