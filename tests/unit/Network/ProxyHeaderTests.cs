using System.Buffers;
using System.Net;
using JitGrains.Network;

namespace JitGrains.UnitTests.Network;

/// <summary>The PROXY protocol's header, version 2, in hex: the fixed part, then addresses and TLVs.</summary>
public sealed class ProxyHeaderTests
{
    private const string Signature = "0d0a0d0a000d0a515549540a";
    private const string Tcp4 = "c0000201" + "0a000001" + "1267" + "01bb";
    private const string Tcp6 = "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "1267" + "01bb";

    public static TheoryData<string, string> Headers()
    {
        var data = new TheoryData<string, string>
        {
            { Signature + "2111000c" + Tcp4, "192.0.2.1:4711" },
            { Signature + "21210024" + Tcp6, "[2001:db8::1]:4711" },
            { Signature + "21210024" + "00000000000000000000ffffc0000201" + "20010db8000000000000000000000002" + "1267" + "01bb", "192.0.2.1:4711" },
            // TLVs, well-formed or not, are skipped.
            { Signature + "21110013" + Tcp4 + "04000400000000", "192.0.2.1:4711" },
            { Signature + "21110010" + Tcp4 + "04ffffff", "192.0.2.1:4711" },
            { Signature + "2111020c" + Tcp4 + new string('0', 1024), "192.0.2.1:4711" },
            // The proxy's own connection, whatever else it says.
            { Signature + "20000000", "local" },
            { Signature + "2011000c" + Tcp4, "local" },
            { Signature + "20110003" + "010203", "local" },
            // Nothing is said of the client, or nothing that has an address.
            { Signature + "21000000", "unknown" },
            { Signature + "21000004" + "01020304", "unknown" },
            { Signature + "213100d8" + new string('0', 432), "unknown" },
            // Not version 2, no stream, no such command or family, too short for its addresses.
            { Signature + "1111000c" + Tcp4, "malformed" },
            { Signature + "2211000c" + Tcp4, "malformed" },
            { Signature + "2f11000c" + Tcp4, "malformed" },
            { Signature + "2112000c" + Tcp4, "malformed" },
            { Signature + "21220024" + Tcp6, "malformed" },
            { Signature + "21410000", "malformed" },
            { Signature + "2111000b" + Tcp4[..22], "malformed" },
            { Signature + "21210023" + Tcp6[..70], "malformed" },
            { Signature + "213100d7" + new string('0', 430), "malformed" },
            // Told by the first byte that is wrong.
            { "47", "malformed" },
            { "0d0a0d0a000d0a515549540b", "malformed" },
            { Signature + "11", "malformed" },
            { Signature + "2112", "malformed" },
            { Convert.ToHexString("PROXY TCP4 192.0.2.1 10.0.0.1 4711 443\r\n"u8), "malformed" },
        };
        foreach (var cut in new[] { 0, 1, 11, 12, 13, 14, 15, 16, 20, 27 })
            data.Add((Signature + "2111000c" + Tcp4)[..(cut * 2)], "incomplete");
        return data;
    }

    [Theory]
    [MemberData(nameof(Headers))]
    public void A_header_is_read_or_refused(string hex, string expected)
    {
        var bytes = Convert.FromHexString(hex);
        Assert.Equal(expected, Tell(ProxyHeader.Read(new ReadOnlySequence<byte>(bytes))));
        // However it is cut up on the way.
        Assert.Equal(expected, Tell(ProxyHeader.Read(InPieces(bytes))));
    }

    [Fact]
    public void The_rest_of_the_connection_is_left_alone()
    {
        var bytes = Convert.FromHexString(Signature + "21110010" + Tcp4 + "04000100").Concat("GET / HTTP/1.1\r\n"u8.ToArray()).ToArray();
        var whole = Assert.IsType<ProxyHeader.Whole>(ProxyHeader.Read(new ReadOnlySequence<byte>(bytes)));
        Assert.Equal("GET / HTTP/1.1\r\n"u8.ToArray(), bytes[whole.Length..]);
    }

    [Fact]
    public void No_bytes_break_it()
    {
        var random = new Random(5);
        var valid = Convert.FromHexString(Signature + "21210028" + Tcp6 + "04000100");
        for (var i = 0; i < 100_000; i++)
        {
            var bytes = valid[..random.Next(valid.Length + 1)];
            for (var flips = random.Next(4); flips > 0 && bytes.Length > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var read = ProxyHeader.Read(new ReadOnlySequence<byte>(bytes));
            if (read is ProxyHeader.Whole whole)
                Assert.InRange(whole.Length, 16, bytes.Length);
        }
    }

    private static string Tell(ProxyHeader read) => read switch
    {
        ProxyHeader.Incomplete => "incomplete",
        ProxyHeader.Malformed => "malformed",
        ProxyHeader.Whole { IsLocal: true, Source: null } => "local",
        ProxyHeader.Whole { Source: null } => "unknown",
        ProxyHeader.Whole { Source: { } source } => source.ToString(),
        _ => "?",
    };

    private static ReadOnlySequence<byte> InPieces(byte[] bytes)
    {
        if (bytes.Length == 0)
            return ReadOnlySequence<byte>.Empty;
        var first = new Piece(bytes.AsMemory(0, 1), null);
        var last = first;
        for (var i = 1; i < bytes.Length; i++)
            last = new Piece(bytes.AsMemory(i, 1), last);
        return new ReadOnlySequence<byte>(first, 0, last, 1);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? before)
        {
            Memory = memory;
            if (before is null)
                return;
            RunningIndex = before.RunningIndex + before.Memory.Length;
            before.Next = this;
        }
    }
}
