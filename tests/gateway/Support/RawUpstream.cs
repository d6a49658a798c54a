using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace JitGrains.GatewayTests.Support;

/// <summary>
/// An upstream on a bare socket that does to each request whatever a test says, and remembers every request head it saw,
/// so that a test can tell whether something was sent twice.
/// </summary>
internal sealed class RawUpstream : IAsyncDisposable
{
    public const string Ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stop = new();
    private readonly Func<string, NetworkStream, Task<bool>> respond;
    private readonly ConcurrentQueue<string> heads = new();
    private readonly Task accepting;
    private int disposed;

    /// <param name="respond">Gets each request head and the connection; returns whether to keep the connection.</param>
    public RawUpstream(Func<string, NetworkStream, Task<bool>> respond)
    {
        this.respond = respond;
        listener.Start();
        accepting = Accept();
    }

    public Uri Address => new($"http://{listener.LocalEndpoint}");

    public IReadOnlyCollection<string> Heads => heads;

    public static async Task<bool> Write(NetworkStream connection, string response, bool keep = true)
    {
        await connection.WriteAsync(Encoding.Latin1.GetBytes(response));
        return keep;
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0)
            return;
        await stop.CancelAsync();
        await accepting;
        listener.Dispose();
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
        catch (Exception e) when (e is OperationCanceledException or SocketException)
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
                while (await ReadHead(connection) is { } head)
                {
                    heads.Enqueue(head);
                    if (!await respond(head, connection))
                        return;
                }
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // The other side is gone, or the test is over.
            }
        }
    }

    private async Task<string?> ReadHead(NetworkStream connection)
    {
        var head = new StringBuilder();
        var one = new byte[1];
        while (await connection.ReadAsync(one, stop.Token) == 1)
        {
            head.Append((char)one[0]);
            if (head.Length >= 4 && head.ToString(head.Length - 4, 4) == "\r\n\r\n")
            {
                var text = head.ToString();
                var length = text.Split("\r\n").FirstOrDefault(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
                var body = new byte[length is null ? 0 : int.Parse(length.AsSpan(15).Trim())];
                await connection.ReadExactlyAsync(body, stop.Token);
                return text;
            }
        }

        return null;
    }
}
