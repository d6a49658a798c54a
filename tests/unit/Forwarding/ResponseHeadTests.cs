using System.Text;
using JitGrains.Gateway.Forwarding.Lines;

namespace JitGrains.UnitTests.Forwarding;

/// <summary>One head reads all answers of a connection: what it kept of those before changes nothing of what it says of the next.</summary>
public class ResponseHeadTests
{
    private static readonly string[] Heads =
    [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Mon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Tue\r\n\r\n",
        "HTTP/1.1 200 Fine\r\nContent-Length: 2\r\nDate: Tue\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\nA: 1\r\nA: 2\r\n\r\n",
        // None.
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nDate: Mon\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        // Too long to be kept.
        $"HTTP/1.1 200 OK\r\nA: {new string('a', 600)}\r\n\r\n",
    ];

    [Fact]
    public void A_head_says_the_same_after_any_other()
    {
        var random = new Random(3);
        var kept = new ResponseHead();
        for (var i = 0; i < 2_000; i++)
        {
            // Often the same again.
            var text = Encoding.Latin1.GetBytes(Heads[random.Next(Heads.Length)]);
            for (var times = random.Next(1, 4); times > 0; times--)
            {
                var alone = new ResponseHead();
                var isOne = alone.TryRead(text);
                Assert.Equal(isOne, kept.TryRead(text));
                if (isOne)
                    Assert.Equal(Said(alone), Said(kept));
            }
        }
    }

    private static (int, string?, long?, bool, bool, string) Said(ResponseHead head) =>
        (head.Status, head.Reason, head.Length, head.IsChunked, head.IsLast, string.Join('|', head.Headers));
}
