using System.Net;
using System.Text;
using JitGrains.Network;

namespace JitGrains.UnitTests.Network;

/// <summary>Address tables: CSV and MMDB, fair and hostile ones.</summary>
public sealed class AddressTableTests
{
    [Theory]
    [InlineData("1.0.0.0,1.0.0.255,AU\n1.0.1.0,1.0.3.255,CN\n", "1.0.0.0 AU|1.0.0.255 AU|1.0.1.0 CN|1.0.3.255 CN|1.0.4.0 -|0.255.255.255 -|::100:1 -|255.255.255.255 -")]
    [InlineData("2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,JP\r\n2001:208::,2001:208:ffff:ffff:ffff:ffff:ffff:ffff,SG", "2001:200::1 JP|2001:208:: SG|2001:201:: -|2001:209:: -|2001:1ff:: -|1.2.3.4 -")]
    [InlineData("16777216,16777471,AU\n42540528726795050063891204319802818560,42540528806023212578155541913346768895,JP", "1.0.0.7 AU|2001:200::1 JP")]
    [InlineData("1.0.0.0,1.0.0.255,13335,\"Cloudflare, \"\"Inc.\"\"\"\n1.0.4.0,1.0.7.255,38803,Gtelecom Pty Ltd", "1.0.0.1 AS13335|1.0.5.0 AS38803|1.0.1.0 -")]
    [InlineData("start_ip,end_ip,country\n\"1.0.0.0\",\"1.0.0.255\",\"au\"", "1.0.0.1 AU")]
    [InlineData("network,asn\n1.0.0.0/24,AS13335\n2001:db8::/32,64500\n", "1.0.0.255 AS13335|1.0.1.0 -|2001:db8:ffff:: AS64500")]
    [InlineData("\uFEFF# comment\n0.0.0.0/0,DE\n::/0,FR\n", "0.0.0.0 DE|255.255.255.255 DE|::2 FR|ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff FR|::ffff:1.2.3.4 DE")]
    [InlineData("1.0.1.0,1.0.3.255,CN\n1.0.0.0,1.0.0.255,AU\n", "1.0.0.1 AU|1.0.2.0 CN")]
    [InlineData("1.0.0.0,1.0.0.255,AU\n1.0.0.128,1.0.1.255,AU\n1.0.2.0,1.0.2.0,\n1.0.3.0,1.0.3.0,ZZ\n1.0.4.0,1.0.4.0,-", "1.0.1.7 AU|1.0.2.0 -|1.0.3.0 -|1.0.4.0 -")]
    // Where ranges overlap the narrowest counts, then the last.
    [InlineData("2.58.196.0,2.58.197.255,DE\n2.58.197.15,2.58.197.15,BE\n2.58.197.16,2.58.197.255,DE", "2.58.197.14 DE|2.58.197.15 BE|2.58.197.16 DE|2.58.198.0 -")]
    [InlineData("1.0.0.0,1.0.0.255,AU\n1.0.0.128,1.0.1.255,CN\n", "1.0.0.128 AU|1.0.0.255 AU|1.0.1.0 CN|1.0.2.0 -")]
    [InlineData("1.0.0.0/24,AU\n1.0.0.0/24,CN\n1.0.0.0/8,NZ\n1.0.0.64/26,FR", "1.0.0.0 CN|1.0.0.63 CN|1.0.0.64 FR|1.0.0.127 FR|1.0.0.128 CN|1.0.1.0 NZ|2.0.0.0 -")]
    [InlineData("2001::/16,AU\n2001:db8::/32,CN\n::/0,US", "2001:db7:ffff:: AU|2001:db8:: CN|2001:db9:: AU|2002:: US|ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff US")]
    public void A_CSV_says_what_it_says(string text, string expected)
    {
        var table = AddressTable.TryRead([("t.csv", Encoding.UTF8.GetBytes(text))], out var problem);
        Assert.True(table is not null, problem);
        foreach (var line in expected.Split('|'))
            Assert.Equal(line, Tell(table, line.Split(' ')[0]));
    }

    [Theory]
    [InlineData("", "t.csv: there is no range in it")]
    [InlineData("network,asn\n", "t.csv: there is no range in it")]
    [InlineData("1.0.0.0,1.0.0.255,Australia\n", "t.csv: line 1 is no range with a country or a network's number")]
    [InlineData("1.0.0.0,1.0.0.255,AU\n1.0.0.0,AU\n", "t.csv: line 2 is no range with a country or a network's number")]
    [InlineData("1.0.0.255,1.0.0.0,AU\n", "t.csv: line 1 is no range with a country or a network's number")]
    [InlineData("1.0.0.0,::1,AU\n", "t.csv: line 1 is no range with a country or a network's number")]
    [InlineData("1.0.0.1/24,AU\n", "t.csv: line 1 is no range with a country or a network's number")]
    [InlineData("1.0.0.0,1.0.0.256,AU\n", "t.csv: line 1 is no range with a country or a network's number")]
    [InlineData("1.0.0.0,1.0.0.255,4294967296\n", "t.csv: line 1 is no range with a country or a network's number")]
    [InlineData("\"1.0.0.0,1.0.0.255,AU\n", "t.csv: line 1 is no range with a country or a network's number")]
    public void A_bad_CSV_says_where(string text, string expected)
    {
        Assert.Null(AddressTable.TryRead([("t.csv", Encoding.UTF8.GetBytes(text))], out var problem));
        Assert.Equal(expected, problem);
    }

    [Fact]
    public void Files_make_one_table()
    {
        (string, ReadOnlyMemory<byte>) countries = ("c.csv", "1.0.0.0/8,AU\n"u8.ToArray());
        (string, ReadOnlyMemory<byte>) networks = ("n.csv", "1.0.0.0/24,13335\n"u8.ToArray());
        (string, ReadOnlyMemory<byte>) other = ("o.csv", "1.2.0.0/16,NZ\n"u8.ToArray());
        Assert.Equal("1.0.0.1 AU AS13335", Tell(AddressTable.TryRead([countries, networks], out _)!, "1.0.0.1"));
        Assert.Equal("1.2.0.1 NZ", Tell(AddressTable.TryRead([other, countries, networks], out var problem)!, "1.2.0.1"));
        Assert.Null(AddressTable.TryRead([("x.csv", new byte[2000].Select(_ => (byte)'9').ToArray())], out problem));
        Assert.Equal("x.csv: line 1 is too long", problem);
    }

    [Theory]
    [InlineData(24, 6)]
    [InlineData(28, 6)]
    [InlineData(32, 6)]
    [InlineData(24, 4)]
    [InlineData(28, 4)]
    [InlineData(32, 4)]
    public void An_MMDB_says_what_it_says(int bits, int version)
    {
        var builder = new MmdbBuilder(bits, version);
        var de = builder.Put(MmdbBuilder.Map("iso_code", "DE", "names", MmdbBuilder.Map("en", "Germany", "de", "Deutschland"), "geoname_id", 2_921_044u));
        builder.Say("1.0.0.0/24", "country_code", "AU")
            .Say("1.0.1.0/24", "country", MmdbBuilder.Map("geoname_id", 1u, "iso_code", "CN"), "is_anycast", true, "location", MmdbBuilder.Map("latitude", 1.5))
            .Say("1.0.2.0/24", "continent", MmdbBuilder.Map("code", "EU"), "country", MmdbBuilder.Pointer(de), "traits", MmdbBuilder.Map())
            .Say("1.0.3.0/24", "autonomous_system_number", 13_335u, "autonomous_system_organization", new string('x', 300))
            .Say("1.0.4.0/24", "asn", "AS64500", "country", "FR")
            .Say("128.0.0.0/1", "country_code", "US")
            .Say("1.0.5.0/24", "other", "things");
        if (version == 6)
        {
            builder.Say("2001:db8::/32", "country_code", "JP");
            // The aliases of IPv4 that such files have.
            builder.Link("2002::/16", builder.NodeOf(96)).Link("::ffff:0.0.0.0/96", builder.NodeOf(96));
        }

        var table = AddressTable.TryRead([("t.mmdb", builder.Build())], out var problem);

        Assert.True(table is not null, problem);
        foreach (var line in new[] { "1.0.0.0 AU", "1.0.0.255 AU", "1.0.1.7 CN", "1.0.2.7 DE", "1.0.3.7 AS13335", "1.0.4.7 FR AS64500", "1.0.5.7 -", "1.0.6.0 -", "128.0.0.0 US", "255.255.255.255 US", "127.255.255.255 -" })
            Assert.Equal(line, Tell(table, line.Split(' ')[0]));
        if (version == 6)
            Assert.Equal(("2001:db8::1 JP", "2001:db9::1 -", "2002:101::1 -"), (Tell(table, "2001:db8::1"), Tell(table, "2001:db9::1"), Tell(table, "2002:101::1")));
    }

    public static TheoryData<string, byte[]> Hostile()
    {
        var fine = new MmdbBuilder().Say("1.0.0.0/24", "country_code", "AU");
        var loop = new MmdbBuilder().Say("1.0.0.0/24", "country_code", "AU");
        loop.Link("8000::/1", 0x0000_0001);
        var deep = new MmdbBuilder();
        var nested = MmdbBuilder.Map();
        for (var i = 0; i < 1000; i++)
            nested = MmdbBuilder.Map("x", nested);
        deep.Say("1.0.0.0/24", "x", nested);
        var self = new MmdbBuilder();
        self.Link("1.0.0.0/24", 0x8000_0000 | self.Put(MmdbBuilder.Pointer(0)));
        var pair = new MmdbBuilder();
        pair.Put(MmdbBuilder.Pointer(2));
        pair.Put(MmdbBuilder.Pointer(0));
        pair.Link("1.0.0.0/24", 0x8000_0000);
        var inner = new MmdbBuilder();
        inner.Link("1.0.0.0/24", 0x8000_0000 | inner.Put(MmdbBuilder.Map("country", MmdbBuilder.Pointer(0))));
        var long1 = new MmdbBuilder();
        long1.Link("1.0.0.0/24", 0x8000_0000 | long1.Put([.. MmdbBuilder.Sized(7, 16_000_000)]));
        var text = new MmdbBuilder();
        text.Link("1.0.0.0/24", 0x8000_0000 | text.Put([.. MmdbBuilder.Sized(7, 1), .. MmdbBuilder.Sized(2, 16_000_000)]));
        var missing = new MmdbBuilder().Link("1.0.0.0/24", 0x8000_1000);
        return new TheoryData<string, byte[]>
        {
            { "its tree leads back into itself", loop.Build() },
            { "its tree leads back into itself", new MmdbBuilder(32, 4).Doubled(30).Build() },
            { "its tree leads back into itself", new MmdbBuilder(28).Doubled(120).Build() },
            { "its tree leads back into itself", new MmdbBuilder(24, 4).Doubled(40).Build() },
            { "a record is malformed", deep.Build() },
            { "a record is malformed", self.Build() },
            { "a record is malformed", pair.Build() },
            { "a record is malformed", long1.Build() },
            { "a record is malformed", text.Build() },
            { "its tree names a record that is not there", missing.Build() },
            { "its tree is longer than the file", fine.Build(("node_count", 1_000_000u)) },
            { "its tree is longer than the file", fine.Build(("node_count", uint.MaxValue)) },
            { "its tree is longer than the file", fine.Build(("node_count", 0u)) },
            { "its metadata is not", fine.Build(("record_size", 25u)) },
            { "its metadata is not", fine.Build(("ip_version", 5u)) },
            { "its metadata is not", fine.Build(("binary_format_major_version", 3u)) },
            { "a record is malformed", MmdbBuilder.Marker },
            { "a record is malformed", [.. MmdbBuilder.Marker, 0xff, 0xff, 0xff] },
            { "", inner.Build() },
        };
    }

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_hostile_MMDB_is_refused(string expected, byte[] file)
    {
        var table = AddressTable.TryRead([("t.mmdb", file)], out var problem);
        Assert.Equal(expected.Length == 0, table is not null);
        Assert.Contains(expected, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Ranges_that_overlap_say_what_the_narrowest_says()
    {
        var random = new Random(23);
        for (var round = 0; round < 300; round++)
        {
            var ranges = Enumerable.Range(1, random.Next(1, 40)).Select(i => (Start: random.Next(200), Length: random.Next(60), Value: i)).ToList();
            var table = AddressTable.TryRead([("t.csv", Encoding.UTF8.GetBytes(string.Join('\n', ranges.Select(r => $"10.0.0.0,10.0.0.0,\n{0x0a00_0000 + r.Start},{0x0a00_0000 + r.Start + r.Length},{r.Value}"))))], out _)!;
            for (var at = 0; at < 256; at++)
            {
                var expected = ranges.Where(r => at >= r.Start && at <= r.Start + r.Length).OrderBy(r => r.Length).ThenByDescending(r => r.Value).Select(r => r.Value).FirstOrDefault();
                Assert.Equal((at, (uint)expected), (at, table.Find(new IPAddress(new byte[] { 10, 0, 0, (byte)at })).Asn));
            }
        }
    }

    [Fact]
    public void No_bytes_break_a_reader_or_keep_it_busy()
    {
        var builder = new MmdbBuilder(24).Say("1.0.0.0/24", "country", MmdbBuilder.Map("iso_code", "AU"), "asn", 7u).Say("2001:db8::/32", "country_code", "JP", "list", MmdbBuilder.Map("a", 1.5, "b", true));
        builder.Link("2002::/16", builder.NodeOf(96));
        var files = new[] { builder.Build(), "1.0.0.0,1.0.0.255,AU\n2001:db8::/32,64500\n\"1.0.1.0\",\"1.0.1.255\",\"NZ\"\n"u8.ToArray() };
        var random = new Random(11);
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = files[i % 2].ToArray();
            for (var flips = random.Next(1, 6); flips > 0; flips--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0)
                bytes = bytes[random.Next(bytes.Length)..];
            if (AddressTable.TryRead([("t", bytes)], out _) is { } table)
                _ = Tell(table, "1.0.0.1") + Tell(table, "2001:db8::1");
        }
    }

    [Fact]
    public void Looking_up_allocates_nothing()
    {
        var lines = string.Join('\n', Enumerable.Range(0, 50_000).Select(i => $"{i >> 8 & 255}.{i & 255}.0.0/17,{i + 1}").Append("2001:db8::/32,JP"));
        var table = AddressTable.TryRead([("t.csv", Encoding.UTF8.GetBytes(lines))], out var problem);
        Assert.True(table is not null, problem);
        IPAddress[] asked = [IPAddress.Parse("0.77.1.1"), IPAddress.Parse("100.100.200.1"), IPAddress.Parse("2001:db8::1"), IPAddress.Parse("::1"), IPAddress.Parse("::ffff:0.5.0.1")];
        var known = 0u;
        var bytes = Allocations.Least(() =>
        {
            for (var i = 0; i < 10_000; i++)
                known += table.Find(asked[i % asked.Length]).Asn;
        });
        Assert.Equal(0, bytes);
        Assert.NotEqual(0u, known);
    }

    private static string Tell(AddressTable table, string address)
    {
        var origin = table.Find(IPAddress.Parse(address));
        return $"{address}{(origin.Country.IsKnown ? $" {origin.Country}" : "")}{(origin.Asn != 0 ? $" AS{origin.Asn}" : "")}{(origin.Country.IsKnown || origin.Asn != 0 ? "" : " -")}";
    }
}
