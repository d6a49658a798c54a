using System.Net.Sockets;
using System.Text;

namespace JitGrains.GatewayTests.Proxying;

/// <summary>A caller on a bare socket: it sends exactly these bytes and shows exactly the bytes that come back.</summary>
internal sealed class RawCaller : IDisposable
{
    private readonly TcpClient tcp = new();
    private NetworkStream stream = null!;

    public static async Task<RawCaller> Connect(Uri to)
    {
        var caller = new RawCaller();
        await caller.tcp.ConnectAsync(to.Host, to.Port);
        caller.stream = caller.tcp.GetStream();
        return caller;
    }

    /// <summary>Sends one request on a connection of its own and reads until the gateway closes it.</summary>
    /// <param name="to">The gateway.</param>
    /// <param name="requestLine">The request line without the version.</param>
    /// <param name="headers">Header lines, without Host.</param>
    /// <param name="body">The body as sent.</param>
    public static async Task<string> Exchange(Uri to, string requestLine, string[] headers, string body = "")
    {
        using var caller = await Connect(to);
        await caller.Send($"{requestLine} HTTP/1.1\r\nHost: {to.Authority}\r\nConnection: close\r\n{string.Concat(headers.Select(h => h + "\r\n"))}\r\n{body}");
        return await caller.ReadToEnd();
    }

    public async Task Send(string bytes) => await stream.WriteAsync(Encoding.Latin1.GetBytes(bytes));

    /// <summary>Reads until what was read ends so.</summary>
    public async Task<string> ReadUntil(string end)
    {
        var read = new StringBuilder();
        var one = new byte[1];
        while (await stream.ReadAsync(one) == 1)
        {
            read.Append((char)one[0]);
            if (read.Length >= end.Length && read.ToString(read.Length - end.Length, end.Length) == end)
                break;
        }

        return read.ToString();
    }

    public async Task<string> ReadToEnd()
    {
        var all = new MemoryStream();
        await stream.CopyToAsync(all);
        return Encoding.Latin1.GetString(all.ToArray());
    }

    public void Dispose() => tcp.Dispose();
}
