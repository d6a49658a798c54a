using System.Net;
using JitGrains.Network;

namespace JitGrains.UnitTests.Network;

/// <summary>
/// Who the client is behind listed proxies (10.0.0.0/8 and 2001:db8:ffff::/48). Lines of a header are separated by <c>|</c>
/// here; null is an address that is not known.
/// </summary>
public sealed class ForwardedChainTests
{
    private static readonly AddressSet Proxies = AddressTests.Set("10.0.0.0/8", "2001:db8:ffff::/48");
    private static readonly IPAddress Peer = IPAddress.Parse("10.0.0.1");

    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("203.0.113.9, 192.0.2.1", "192.0.2.1")]
    [InlineData("10.0.0.7, 192.0.2.1", "192.0.2.1")]
    [InlineData("192.0.2.1, 10.0.0.2", "192.0.2.1")]
    [InlineData("203.0.113.9, 192.0.2.1, 10.0.0.3,10.0.0.2", "192.0.2.1")]
    [InlineData("203.0.113.9|192.0.2.1", "192.0.2.1")]
    [InlineData("192.0.2.1|10.0.0.2", "192.0.2.1")]
    [InlineData("192.0.2.1, 10.0.0.2|10.0.0.3, 10.0.0.4", "192.0.2.1")]
    [InlineData("10.0.0.9", "10.0.0.9")]
    [InlineData("10.0.0.9, 10.0.0.8", "10.0.0.9")]
    [InlineData("192.0.2.1:4711", "192.0.2.1")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("[2001:db8::1]:4711", "2001:db8::1")]
    [InlineData("2001:db8::1, 2001:db8:ffff::5", "2001:db8::1")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("\t192.0.2.1 ", "192.0.2.1")]
    // What stands before the first address that is not listed is the client's own and changes nothing.
    [InlineData("garbage, <script>, 192.0.2.1", "192.0.2.1")]
    [InlineData(",,,192.0.2.1", "192.0.2.1")]
    [InlineData("unknown|192.0.2.1", "192.0.2.1")]
    // What a listed proxy wrote must be an address.
    [InlineData("", null)]
    [InlineData(",", null)]
    [InlineData("192.0.2.1,", null)]
    [InlineData("192.0.2.1|", null)]
    [InlineData("192.0.2.1, unknown", null)]
    [InlineData("192.0.2.1, unknown, 10.0.0.2", null)]
    [InlineData("192.0.2.1, _hidden", null)]
    [InlineData("192.0.2.1 10.0.0.2", null)]
    [InlineData("192.0.2.1; 10.0.0.2", null)]
    [InlineData("192.0.2.256", null)]
    [InlineData("0300.0.2.1", null)]
    [InlineData("192.0.2.1:99999", null)]
    [InlineData("\"192.0.2.1\"", null)]
    [InlineData("localhost", null)]
    [InlineData("192.0.2.1/24", null)]
    public void X_Forwarded_For_is_walked_from_the_end(string lines, string? expected) =>
        Assert.Equal(expected, ForwardedChain.OfForwardedFor(Peer, Proxies, lines.Split('|'))?.ToString());

    [Theory]
    [InlineData("for=192.0.2.1", "192.0.2.1")]
    [InlineData("For=\"192.0.2.1\"", "192.0.2.1")]
    [InlineData("FOR=192.0.2.1;proto=http;by=203.0.113.43", "192.0.2.1")]
    [InlineData("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17")]
    [InlineData("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17")]
    [InlineData("for=\"192.0.2.1:47011\"", "192.0.2.1")]
    [InlineData("for=\"192.0.2.1:_port\"", "192.0.2.1")]
    [InlineData("for=\"[2001:db8::1]:_port\"", "2001:db8::1")]
    [InlineData("for=203.0.113.9, for=192.0.2.1", "192.0.2.1")]
    [InlineData("for=192.0.2.1, for=10.0.0.2", "192.0.2.1")]
    [InlineData("for=192.0.2.1,for=10.0.0.2|for=10.0.0.3", "192.0.2.1")]
    [InlineData("for=unknown, for=192.0.2.1, for=10.0.0.2", "192.0.2.1")]
    [InlineData("for=_mystery, for=192.0.2.1", "192.0.2.1")]
    [InlineData("for=10.0.0.9", "10.0.0.9")]
    [InlineData("proto=https; for=192.0.2.1 ; by=10.0.0.1", "192.0.2.1")]
    [InlineData("host=\"a,b;for=203.0.113.9\";for=192.0.2.1", "192.0.2.1")]
    [InlineData("host=\"\\\"\";for=192.0.2.1", "192.0.2.1")]
    [InlineData("for=\"\\192.0.2.1\"", "192.0.2.1")]
    [InlineData("by=203.0.113.9, for=192.0.2.1", "192.0.2.1")]
    [InlineData("ext=x;for=192.0.2.1;", "192.0.2.1")]
    // Hidden, or no address at all.
    [InlineData("for=unknown", null)]
    [InlineData("for=_mystery", null)]
    [InlineData("for=192.0.2.1, for=unknown", null)]
    [InlineData("for=192.0.2.1, by=10.0.0.1", null)]
    [InlineData("for=192.0.2.1, for=_SEVKISEK, for=10.0.0.2", null)]
    [InlineData("for=\"2001:db8::1\"", null)]
    [InlineData("for=\"192.0.2.1:_\"", null)]
    [InlineData("for=\"192.0.2.1:99999\"", null)]
    [InlineData("for=\"[2001:db8::1]x\"", null)]
    [InlineData("for=\"\"", null)]
    [InlineData("for=\" 192.0.2.1\"", null)]
    // Malformed, wherever it stands: a quote that a client left open must not swallow what a proxy wrote.
    [InlineData("", null)]
    [InlineData(",", null)]
    [InlineData("for=203.0.113.9;by=\"x, for=192.0.2.1", null)]
    [InlineData("for=203.0.113.9;by=\"x, for=\"[2001:db8::1]\"", null)]
    [InlineData("for=203.0.113.9;by=\"x|for=192.0.2.1", null)]
    [InlineData("for=\"192.0.2.1\\", null)]
    [InlineData("for=192.0.2.1:80", null)]
    [InlineData("for=[2001:db8::1]", null)]
    [InlineData("for = 192.0.2.1", null)]
    [InlineData("for=", null)]
    [InlineData("for", null)]
    [InlineData("=192.0.2.1", null)]
    [InlineData("for=192.0.2.1;for=203.0.113.9", null)]
    [InlineData("for=192.0.2.1;FOR=203.0.113.9", null)]
    [InlineData("for=192.0.2.1 for=203.0.113.9", null)]
    [InlineData("for=192.0.2.1,", null)]
    [InlineData("for=192.0.2.1,,for=10.0.0.2", null)]
    [InlineData("for=203.0.113.9|garbage here|for=192.0.2.1", null)]
    public void Forwarded_is_walked_from_the_end(string lines, string? expected) =>
        Assert.Equal(expected, ForwardedChain.OfForwarded(Peer, Proxies, lines.Split('|'))?.ToString());

    [Fact]
    public void No_text_breaks_it_and_none_makes_a_listed_proxys_word_another()
    {
        const string Bits = "for=by\"\\,;:.[]_ 0123456789abcdfx\t\u00e9";
        var random = new Random(3);
        for (var i = 0; i < 50_000; i++)
        {
            var own = new string(Enumerable.Range(0, random.Next(40)).Select(_ => Bits[random.Next(Bits.Length)]).ToArray());
            // Whatever a client sends, a proxy adds the truth at the end of the line, or in a line of its own.
            foreach (var lines in new[] { new[] { own + ", 192.0.2.1" }, [own, "192.0.2.1"] })
                Assert.Equal("192.0.2.1", ForwardedChain.OfForwardedFor(Peer, Proxies, lines)?.ToString());
            foreach (var lines in new[] { new[] { own + ", for=192.0.2.1" }, [own, "for=192.0.2.1"], [own + ", for=\"[2001:db8::1]\""] })
                Assert.Contains(ForwardedChain.OfForwarded(Peer, Proxies, lines)?.ToString(), new[] { null, "192.0.2.1", "2001:db8::1" });
            _ = ForwardedChain.OfForwardedFor(Peer, Proxies, [own]);
            _ = ForwardedChain.OfForwarded(Peer, Proxies, [own]);
        }
    }
}
