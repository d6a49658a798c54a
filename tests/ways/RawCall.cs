using System.Net.Sockets;
using System.Text;

namespace JitGrains.WaysTests;

/// <summary>One request on a connection of its own, byte for byte.</summary>
internal static class RawCall
{
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Sends it and reads what comes until the gateway closes; where it is silent for a while (<paramref name="quiet"/>), ends the
    /// request first. Returns whether an upstream answered.
    /// </summary>
    public static async Task<bool> Send(Uri gateway, byte[] request, bool mustPass, TimeSpan? quiet = null)
    {
        using var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(gateway.Host, gateway.Port);
        var stream = tcp.GetStream();
        var answer = new StringBuilder();
        var buffer = new byte[16 * 1024];
        var waits = !mustPass;
        try
        {
            await stream.WriteAsync(request);
            while (true)
            {
                using var limit = new CancellationTokenSource(waits ? quiet ?? Quiet : Patience);
                int read;
                try
                {
                    read = await stream.ReadAsync(buffer, limit.Token);
                }
                catch (OperationCanceledException) when (waits)
                {
                    // Whoever waits for more of the request will not get it. The gateway is told, and its own end of the connection is
                    // waited for: only then is it done with the request, however late it began.
                    waits = false;
                    tcp.Client.Shutdown(SocketShutdown.Send);
                    continue;
                }

                if (read == 0)
                    break;
                answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }
        }
        catch (IOException)
        {
            // What came until then is the answer.
        }

        return answer.ToString().Contains("X-Upstream:", StringComparison.OrdinalIgnoreCase);
    }
}
