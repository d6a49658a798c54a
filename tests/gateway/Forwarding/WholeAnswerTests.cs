using System.Net.Sockets;
using System.Text;
using JitGrains.Gateway.Forwarding;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Forwarding;

/// <summary>A grant that ends when its call's answer has just been passed on: the caller's connection may carry its next call by then.</summary>
public sealed class WholeAnswerTests
{
    [Theory]
    [InlineData(RawUpstream.Ok, true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", false)]
    [InlineData("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", false)]
    public async Task A_caller_is_cut_off_only_where_something_of_its_answer_is_missing(string answer, bool isWhole)
    {
        using var stop = new CancellationTokenSource();
        await using var upstream = new RawUpstream((_, connection) => RawUpstream.Write(connection, answer));
        await using var host = await ForwarderHost.Start(
            ForwarderHost.Api(upstream.Address), () => new ExecutionGate(once: true, mayStart: null), answers: body => new AfterWrites(body, stop.CancelAsync), stop: stop.Token);
        using var caller = new TcpClient();
        await caller.ConnectAsync(host.Client.BaseAddress!.Host, host.Client.BaseAddress.Port);

        var first = await Send(caller, "/x");
        var next = await Send(caller, "/next");

        Assert.Equal(isWhole ? null : ForwardErrors.GrantEnded, (await host.ResultsOf(1))[0].Error);
        Assert.Equal(isWhole, next.StartsWith("HTTP/1.1 ", StringComparison.Ordinal));
        if (isWhole)
            Assert.EndsWith("\r\n\r\nok", first, StringComparison.Ordinal);
    }

    /// <summary>What comes of its answer, which is told by its length; where the connection is gone, until then.</summary>
    private static async Task<string> Send(TcpClient caller, string path)
    {
        var answer = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            await caller.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: orders\r\n\r\n"));
            while (!IsOver(answer.ToString()) && await caller.GetStream().ReadAsync(buffer) is > 0 and var read)
                answer.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // Reset, now or before.
        }

        return answer.ToString();
    }

    private static bool IsOver(string answer) =>
        answer.EndsWith("ok", StringComparison.Ordinal) || (answer.Contains("Content-Length: 0", StringComparison.Ordinal) && answer.EndsWith("\r\n\r\n", StringComparison.Ordinal));
}
