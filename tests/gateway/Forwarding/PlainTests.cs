using System.Net;
using System.Text;
using JitGrains.Gateway.Forwarding;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Forwarding;

/// <summary>Plain calls, over connections of our own: whatever an upstream answers, nobody gets what is another's.</summary>
public sealed class PlainTests
{
    private const string Head = "HTTP/1.1 200 OK\r\n";

    /// <summary>What an upstream sends, the status that comes of it (0: the answer breaks off), and the body.</summary>
    public static TheoryData<string, int, string> Answers() => new()
    {
        { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok" },
        { "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 200, "ok" },
        { "HTTP/1.1 200\r\ncontent-length:2\r\n\r\nok", 200, "ok" },
        { "HTTP/1.1 404 Not here\r\nContent-Length: \t 2 \t\r\n\r\nno", 404, "no" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, "ok" },
        { Head + "Transfer-Encoding: Chunked\r\n\r\n1\r\no\r\n00001;x=\"y\"\r\nk\r\n0;last\r\nX-Late: 1\r\n\r\n", 200, "ok" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2  \r\nok\r\n0\r\n\r\n", 200, "ok" },
        { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + Head + "Content-Length: 2\r\n\r\nok", 200, "ok" },
        { Head + "Connection: close\r\n\r\nok", 200, "ok" },
        { "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok" },
        { "HTTP/1.1 204 No Content\r\n\r\n", 204, "" },
        { "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "" },

        // More than was asked for: it is nobody's answer.
        { Head + "Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 200, "ok" },
        { "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 204, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", 200, "ok" },

        // Two readings: no answer.
        { Head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 502, "" },
        { Head + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { Head + "Content-Length: 2, 2\r\n\r\nok", 502, "" },
        { Head + "Content-Length: +2\r\n\r\nok", 502, "" },
        { Head + "Content-Length: 0x2\r\n\r\nok", 502, "" },
        { Head + "Content-Length:\r\n\r\nok", 502, "" },
        { Head + "Content-Length: 9999999999999999999999\r\n\r\nok", 502, "" },
        { Head + "Content-Length : 2\r\n\r\nok", 502, "" },
        { Head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 502, "" },
        { Head + "Transfer-Encoding: identity\r\n\r\nok", 502, "" },
        { Head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502, "" },
        { "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502, "" },
        { Head + "X: 1\r\n folded\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { Head + "X\u0001: 1\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { Head + "X: 1\r2\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { Head + "X: 1\nY: 2\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { Head + "X: 1\0\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { Head + ": 1\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { "\r\n" + Head + "Content-Length: 2\r\n\r\nok", 502, "" },
        { "http/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { "HTTP/1.1  200 OK\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { "HTTP/1.1 -20 OK\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok", 502, "" },
        { "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 502, "" },
        { string.Concat(Enumerable.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 40)) + Head + "Content-Length: 2\r\n\r\nok", 502, "" },

        // Bodies that are not what they say they are break off, where something was passed on.
        { Head + "Content-Length: 3\r\n\r\nok", 0, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok", 0, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", 0, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", 0, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n", 0, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n", 502, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n", 502, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff2\r\nok\r\n0\r\n\r\n", 502, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2 2\r\nok\r\n0\r\n\r\n", 502, "" },
        { Head + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nno trailer\r\n\r\n", 0, "" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task An_answer_is_what_it_says_or_none(string answer, int status, string body)
    {
        await using var upstream = new RawUpstream((head, c) =>
            head.StartsWith("GET /next ", StringComparison.Ordinal) ? RawUpstream.Write(c, Head + "Content-Length: 4\r\n\r\nnext") : RawUpstream.Write(c, answer, keep: false));
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), Gate);

        Assert.Equal((status, body), await Get(host, "/first"));
        Assert.Equal((200, "next"), await Get(host, "/next"));
        Assert.Equal(status is 0 or 502 ? 1 : 0, (await host.ResultsOf(2)).Count(r => r.Error is not null));
    }

    /// <summary>Answers that are spoilt in one place, or cut, on connections that are used again: each call has its own answer, or none.</summary>
    [Fact]
    public async Task Spoilt_answers_are_nobody_elses()
    {
        var random = new Random(20);
        await using var upstream = new RawUpstream((head, c) =>
        {
            var path = head.Split(' ')[1];
            var whole = random.Next(3) switch
            {
                0 => Head + $"Content-Length: {path.Length}\r\nETag: \"1\"\r\n\r\n{path}",
                1 => Head + $"Transfer-Encoding: chunked\r\n\r\n{path.Length:x}\r\n{path}\r\n0\r\n\r\n",
                _ => $"HTTP/1.1 103 Early Hints\r\n\r\n{Head}Content-Length: {path.Length}\r\n\r\n{path}",
            };
            if (random.Next(3) > 0)
                return RawUpstream.Write(c, whole);
            var spoilt = new StringBuilder(whole);
            var at = random.Next(spoilt.Length);
            switch (random.Next(4))
            {
                case 0:
                    spoilt.Length = at;
                    break;
                case 1:
                    spoilt[at] = (char)random.Next(256);
                    break;
                case 2:
                    spoilt.Insert(at, "\r\n");
                    break;
                default:
                    spoilt.Append(whole);
                    break;
            }

            return RawUpstream.Write(c, spoilt.ToString(), keep: false);
        });
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), Gate);

        var whole = 0;
        for (var i = 0; i < 600; i++)
        {
            var (status, body) = await Get(host, $"/own-{i}");
            whole += status == 200 && body == $"/own-{i}" ? 1 : 0;
            // A byte of it may have been changed on its way; that of another call's it is not.
            Assert.DoesNotContain(Enumerable.Range(Math.Max(0, i - 20), Math.Min(20, i)), n => body.Contains($"own-{n}", StringComparison.Ordinal) && !$"own-{i}".StartsWith($"own-{n}", StringComparison.Ordinal));
        }

        Assert.InRange(whole, 300, 600);
    }

    [Fact]
    public async Task A_connection_carries_one_call_after_the_other()
    {
        var connections = new HashSet<object>();
        await using var upstream = new RawUpstream((_, c) =>
        {
            lock (connections)
                connections.Add(c);
            return RawUpstream.Write(c, RawUpstream.Ok);
        });
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), Gate);

        for (var i = 0; i < 20; i++)
            Assert.Equal((200, "ok"), await Get(host, "/x"));

        Assert.Single(connections);
    }

    [Theory]
    [InlineData("GET", true, 2)]
    [InlineData("GET", false, 1)]
    public async Task What_an_ended_connection_did_not_answer_is_sent_once_more_where_that_is_safe(string method, bool repeatable, int sent)
    {
        var asked = 0;
        await using var upstream = new RawUpstream((head, c) =>
            head.Contains("/warm", StringComparison.Ordinal) || Interlocked.Increment(ref asked) > 1 ? RawUpstream.Write(c, RawUpstream.Ok) : Task.FromResult(false));
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), () => new ExecutionGate(once: false, mayStart: null, isRepeatable: repeatable));
        Assert.Equal((200, "ok"), await Get(host, "/warm"));

        using var request = new HttpRequestMessage(new HttpMethod(method), "/again");
        using var response = await host.Client.SendAsync(request);

        Assert.Equal(repeatable ? HttpStatusCode.OK : HttpStatusCode.BadGateway, response.StatusCode);
        Assert.Equal(sent, upstream.Heads.Count(h => h.Contains("/again", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Nothing_is_sent_where_the_last_check_says_no()
    {
        await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, RawUpstream.Ok));
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), () => new ExecutionGate(once: false, () => ForwardErrors.LeaseLost));

        Assert.Equal(502, (await Get(host, "/x")).Status);

        Assert.Empty(upstream.Heads);
        Assert.Equal(ForwardErrors.LeaseLost, host.Results[^1].Error);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(8_000)]
    [InlineData(100_000)]
    [InlineData(3_000_000)]
    public async Task Bodies_of_any_length_pass(int length)
    {
        var body = string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (i % 23))));
        foreach (var answer in (string[])[
            $"{Head}Content-Length: {length}\r\n\r\n{body}",
            $"{Head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n",
            $"{Head}Transfer-Encoding: chunked\r\n\r\n{string.Concat(body.Chunk(4_001).Select(c => $"{c.Length:x}\r\n{new string(c)}\r\n"))}0\r\n\r\n",
            $"{Head}Connection: close\r\n\r\n{body}"])
        {
            await using var upstream = new RawUpstream((_, c) => RawUpstream.Write(c, answer, keep: !answer.Contains("close", StringComparison.Ordinal)));
            await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), Gate);
            Assert.Equal((200, body), await Get(host, "/a"));
            Assert.Equal((200, body), await Get(host, "/b"));
            Assert.All(await host.ResultsOf(2), r => Assert.Equal((null, (long)length), (r.Error, r.ResponseBytes)));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok")]
    public async Task An_upstream_that_falls_silent_is_given_up(string answer)
    {
        var over = new TaskCompletionSource();
        await using var upstream = new RawUpstream(async (_, c) =>
        {
            await RawUpstream.Write(c, answer);
            await over.Task;
            return false;
        });
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address, a => a with { UpstreamTimeout = TimeSpan.FromMilliseconds(300) }), Gate);

        var (status, _) = await Get(host, "/x");
        over.SetResult();

        Assert.Equal(answer.Length > 0 ? 0 : 504, status);
        Assert.Equal(ForwardErrors.UpstreamTimeout, Assert.Single(await host.ResultsOf(1)).Error);
    }

    /// <summary>An upstream's fault is not said to be the caller's, who is cut off for it: by our own connections and by YARP's.</summary>
    [Theory]
    [InlineData("GET", "broken")]
    [InlineData("POST", "broken")]
    [InlineData("GET", "silent")]
    public async Task Whose_fault_it_is_that_an_answer_breaks_off(string method, string fault)
    {
        const int Calls = 200;
        var over = new TaskCompletionSource();
        await using var upstream = new RawUpstream(async (_, c) =>
        {
            await RawUpstream.Write(c, Head + "Content-Length: 5\r\n\r\nok");
            if (fault == "silent")
                await over.Task;
            return false;
        });
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address, a => a with { UpstreamTimeout = TimeSpan.FromMilliseconds(fault == "silent" ? 300 : 60_000) }), Gate);

        await Task.WhenAll(Enumerable.Range(0, Calls).Select(async i =>
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), $"/{i}") { Content = method == "POST" ? new StringContent("{}") : null };
            await Assert.ThrowsAsync<HttpRequestException>(() => host.Client.SendAsync(request));
        }));
        over.SetResult();

        Assert.All(await host.ResultsOf(Calls), r => Assert.Equal(fault == "silent" ? ForwardErrors.UpstreamTimeout : ForwardErrors.UpstreamBroke, r.Error));
    }

    [Fact]
    public async Task A_call_is_cut_when_its_right_ends()
    {
        var over = new TaskCompletionSource();
        using var stop = new CancellationTokenSource();
        await using var upstream = new RawUpstream(async (_, _) =>
        {
            await stop.CancelAsync();
            await over.Task;
            return false;
        });
        await using var host = await ForwarderHost.Start(ForwarderHost.Api(upstream.Address), Gate, stop: stop.Token);

        await Get(host, "/x");
        over.SetResult();

        Assert.Equal(ForwardErrors.GrantEnded, Assert.Single(await host.ResultsOf(1)).Error);
    }

    private static ExecutionGate Gate() => new(once: false, mayStart: null);

    private static async Task<(int Status, string Body)> Get(ForwarderHost host, string path)
    {
        try
        {
            using var response = await host.Client.GetAsync(path);
            var body = await response.Content.ReadAsStringAsync();
            return ((int)response.StatusCode, response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.NotFound ? body : "");
        }
        catch (HttpRequestException)
        {
            return (0, "");
        }
    }
}
