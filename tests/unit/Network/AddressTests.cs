using System.Net;
using JitGrains.Network;

namespace JitGrains.UnitTests.Network;

/// <summary>Addresses and networks as text, and sets of networks.</summary>
public sealed class AddressTests
{
    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1")]
    [InlineData("0.0.0.0", "0.0.0.0")]
    [InlineData("255.255.255.255", "255.255.255.255")]
    [InlineData("2001:db8::1", "2001:db8::1")]
    [InlineData("2001:DB8::1", "2001:db8::1")]
    [InlineData("::", "::")]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1")]
    [InlineData("1", null)]
    [InlineData("192.0.2", null)]
    [InlineData("192.0.2.256", null)]
    [InlineData("192.0.2.01", null)]
    [InlineData("010.0.0.1", null)]
    [InlineData("0x7f.0.0.1", null)]
    [InlineData("192.0.2.1.", null)]
    [InlineData("192.0.2.1.5", null)]
    [InlineData("192.0.2.1 ", null)]
    [InlineData("１９２.0.2.1", null)]
    [InlineData("fe80::1%eth0", null)]
    [InlineData("[::1]", null)]
    [InlineData("::1/64", null)]
    [InlineData("2001:db8:::1", null)]
    [InlineData("localhost", null)]
    [InlineData("", null)]
    public void An_address_is_read_strictly(string text, string? expected) =>
        Assert.Equal(expected, AddressText.Address(text)?.ToString());

    [Theory]
    [InlineData("192.0.2.1:8080", "192.0.2.1")]
    [InlineData("[2001:db8::1]", "2001:db8::1")]
    [InlineData("[2001:db8::1]:443", "2001:db8::1")]
    [InlineData("2001:db8::1:8080", "2001:db8::1:8080")]
    [InlineData("192.0.2.1:", null)]
    [InlineData("192.0.2.1:65536", null)]
    [InlineData("192.0.2.1:x", null)]
    [InlineData("192.0.2.1:-1", null)]
    [InlineData("[2001:db8::1", null)]
    [InlineData("[2001:db8::1]x", null)]
    [InlineData("[192.0.2.1]", null)]
    [InlineData("[]", null)]
    [InlineData(":80", null)]
    [InlineData("unknown", null)]
    [InlineData("_hidden", null)]
    public void A_hop_may_have_brackets_and_a_port(string text, string? expected) =>
        Assert.Equal(expected, AddressText.Hop(text)?.ToString());

    [Theory]
    [InlineData("10.0.0.0/8", true)]
    [InlineData("10.0.0.1", true)]
    [InlineData("0.0.0.0/0", true)]
    [InlineData("::/0", true)]
    [InlineData("2001:db8::/32", true)]
    [InlineData("10.0.0.1/8", false)]
    [InlineData("10.0.0.0/33", false)]
    [InlineData("10.0.0.0/", false)]
    [InlineData("10/8", false)]
    [InlineData("::ffff:10.0.0.0/104", false)]
    [InlineData("office", false)]
    public void A_network_has_no_bits_after_its_length(string text, bool fine)
    {
        Assert.Equal(fine, AddressText.TryNetwork(text, out _, out var problem));
        Assert.Equal(fine, problem.Length == 0);
    }

    [Theory]
    [InlineData("10.0.0.0", true)]
    [InlineData("10.255.255.255", true)]
    [InlineData("9.255.255.255", false)]
    [InlineData("11.0.0.0", false)]
    [InlineData("192.0.2.7", true)]
    [InlineData("192.0.2.6", false)]
    [InlineData("192.0.2.8", false)]
    [InlineData("::ffff:10.1.2.3", true)]
    [InlineData("2001:db8::", true)]
    [InlineData("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db9::", false)]
    [InlineData("::a00:1", false)]
    [InlineData("::1", true)]
    [InlineData("0.0.0.1", false)]
    public void A_set_has_its_networks_and_nothing_else(string address, bool inside)
    {
        var set = Set("10.0.0.0/8", "10.1.0.0/16", "192.0.2.7", "2001:db8::/32", "2001:db8::/48", "::1");
        Assert.Equal(inside, set.Contains(IPAddress.Parse(address)));
        Assert.False(AddressSet.Empty.Contains(IPAddress.Parse(address)));
    }

    [Fact]
    public void A_set_agrees_with_each_network_for_itself()
    {
        var random = new Random(7);
        for (var round = 0; round < 200; round++)
        {
            var networks = Enumerable.Range(0, random.Next(1, 30)).Select(_ => RandomNetwork(random)).ToList();
            var set = new AddressSet(networks);
            for (var i = 0; i < 100; i++)
            {
                var near = networks[random.Next(networks.Count)].BaseAddress.GetAddressBytes();
                near[random.Next(near.Length)] ^= (byte)(1 << random.Next(8));
                var address = new IPAddress(near);
                Assert.Equal(networks.Exists(n => n.Contains(address)), set.Contains(address));
            }
        }
    }

    [Fact]
    public void Looking_up_allocates_nothing()
    {
        var set = Set("10.0.0.0/8", "2001:db8::/32");
        var (four, six) = (IPAddress.Parse("10.1.2.3"), IPAddress.Parse("2001:db8::5"));
        var missed = 0;
        var bytes = Allocations.Least(() =>
        {
            for (var i = 0; i < 1000; i++)
                missed += set.Contains(four) && set.Contains(six) ? 0 : 1;
        });
        Assert.Equal((0, 0L), (missed, bytes));
    }

    internal static AddressSet Set(params string[] networks) => new(networks.Select(n =>
    {
        Assert.True(AddressText.TryNetwork(n, out var network, out var problem), problem);
        return network;
    }));

    private static IPNetwork RandomNetwork(Random random)
    {
        var bytes = new byte[random.Next(2) == 0 ? 4 : 16];
        random.NextBytes(bytes.AsSpan(0, 2));
        bytes[0] &= 3;
        if (bytes.Length == 16)
            bytes[0] |= 0x20;
        var length = random.Next(bytes.Length * 8 + 1);
        for (var bit = length; bit < bytes.Length * 8; bit++)
            bytes[bit / 8] &= (byte)~(0x80 >> (bit % 8));
        return new IPNetwork(new IPAddress(bytes), length);
    }
}
