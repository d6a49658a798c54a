using System.Net;
using JitGrains.Network;

namespace JitGrains.GatewayTests.Hostile;

/// <summary>Published address tables, whole: the same data in four forms says the same.</summary>
public sealed class RealTableTests
{
    [Fact]
    public async Task Every_form_of_a_table_says_the_same()
    {
        var mmdb = await Read(RealTables.Mmdb);
        var halves = await Read(RealTables.Mmdb4, RealTables.Mmdb6);
        var csv = await Read(RealTables.Csv4, RealTables.Csv6);
        var numbers = await Read(RealTables.Numbers4, RealTables.Numbers6);
        Assert.InRange(csv.Countries, 300_000, 1_000_000);
        Assert.Equal((csv.Countries, mmdb.Countries), (numbers.Countries, halves.Countries));
        Assert.InRange(mmdb.Countries, csv.Countries * 999L / 1000, csv.Countries * 1001L / 1000);

        // Random addresses, and both sides of where ranges begin and end.
        var random = new Random(13);
        var addresses = Enumerable.Range(0, 50_000).Select(i =>
        {
            var bytes = new byte[i % 2 == 0 ? 4 : 16];
            random.NextBytes(bytes);
            if (bytes.Length == 16)
                (bytes[0], bytes[1]) = (0x20 | 0x04, (byte)random.Next(64));
            return new IPAddress(bytes);
        });
        var ends = File.ReadLines(RealTables.Csv4).Concat(File.ReadLines(RealTables.Csv6)).Where((_, i) => i % 7 == 0)
            .SelectMany(l => l.Split(',')[..2]).Select(IPAddress.Parse).SelectMany(a => new[] { a, Next(a) });
        // Some hundred ranges of the CSV overlap, and whoever made the MMDB of it settled a few of these otherwise.
        var (known, other, all) = (0, 0, 0);
        foreach (var address in addresses.Concat(ends))
        {
            var country = csv.Find(address).Country;
            Assert.Equal((country, mmdb.Find(address).Country), (numbers.Find(address).Country, halves.Find(address).Country));
            known += country.IsKnown ? 1 : 0;
            other += country != mmdb.Find(address).Country ? 1 : 0;
            all++;
        }

        Assert.InRange(known, 100_000, all);
        Assert.InRange(other, 0, all / 1000);
    }

    [Fact]
    public async Task Countries_and_networks_of_one_address_come_together()
    {
        var table = await Read(RealTables.Mmdb, RealTables.Asn4, RealTables.Asn6);
        Assert.InRange(table.Networks, 300_000, 1_000_000);
        foreach (var (address, expected) in new[] { ("8.8.8.8", "US 15169"), ("2001:4860:4860::8888", "US 15169"), ("193.0.6.139", "NL 3333"), ("127.0.0.1", " 0"), ("10.0.0.1", " 0"), ("::1", " 0") })
        {
            var origin = table.Find(IPAddress.Parse(address));
            Assert.Equal((address, expected), (address, $"{origin.Country} {origin.Asn}"));
        }
    }

    private static async Task<AddressTable> Read(params string[] paths)
    {
        var files = new List<(string, ReadOnlyMemory<byte>)>();
        foreach (var path in paths)
            files.Add((path, await File.ReadAllBytesAsync(path)));
        var table = AddressTable.TryRead(files, out var problem);
        Assert.True(table is not null, problem);
        return table;
    }

    private static IPAddress Next(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        for (var i = bytes.Length - 1; i >= 0 && ++bytes[i] == 0; i--)
        {
        }

        return new IPAddress(bytes);
    }
}
