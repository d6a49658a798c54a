using System.Net.Sockets;
using System.Text;

namespace JitGrains.GatewayTests.Support;

/// <summary>Sends bytes as they are, which no HTTP client would.</summary>
internal static class RawClient
{
    /// <summary>Sends a request and reads its answer, whether or not the other side closes.</summary>
    public static async Task<string> Send(Uri server, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server.Host, server.Port);
        await using var stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            while (!IsWhole(answer.ToString()) && await stream.ReadAsync(buffer, limit.Token) is > 0 and var read)
                answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // What came until then is the answer.
        }

        return answer.ToString();
    }

    private static bool IsWhole(string answer)
    {
        var end = answer.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        if (end < 0)
            return false;
        var length = answer[..end].Split("\r\n").FirstOrDefault(l => l.StartsWith("Content-Length:", StringComparison.OrdinalIgnoreCase));
        return length is null ? answer.EndsWith("\r\n0\r\n\r\n", StringComparison.Ordinal) : answer.Length - end - 4 >= int.Parse(length.AsSpan(15).Trim());
    }
}
