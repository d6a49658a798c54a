using System.Net.Sockets;
using System.Text;

namespace JitGrains.GatewayTests.Support;

/// <summary>Sends bytes as they are, which no HTTP client would.</summary>
internal static class RawClient
{
    /// <summary>Sends a request and reads until the other side closes, or nothing more comes within the limit.</summary>
    public static async Task<string> Send(Uri server, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var answer = new MemoryStream();
        try
        {
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // What came until then is the answer.
        }

        return Encoding.Latin1.GetString(answer.ToArray());
    }
}
