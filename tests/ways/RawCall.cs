using System.Net.Sockets;
using System.Text;

namespace JitGrains.WaysTests;

/// <summary>One request on a connection of its own, byte for byte.</summary>
internal static class RawCall
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>Sends it and reads what comes, until the gateway closes, or is silent for a while. Returns whether an upstream answered.</summary>
    public static async Task<bool> Send(Uri gateway, byte[] request, bool mustPass)
    {
        using var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(gateway.Host, gateway.Port);
        var stream = tcp.GetStream();
        var answer = new StringBuilder();
        var buffer = new byte[16 * 1024];
        try
        {
            await stream.WriteAsync(request);
            while (true)
            {
                // Whoever waits for more of the request will not get it.
                using var limit = new CancellationTokenSource(mustPass ? Patience : Quiet);
                var read = await stream.ReadAsync(buffer, limit.Token);
                if (read == 0)
                    break;
                answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // What came until then is the answer.
        }

        return answer.ToString().Contains("X-Upstream:", StringComparison.OrdinalIgnoreCase);
    }
}
