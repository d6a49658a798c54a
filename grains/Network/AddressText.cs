using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace JitGrains.Network;

/// <summary>
/// Addresses and networks as people and proxies write them, read strictly: no octal or shortened IPv4, no zone, no name.
/// IPv4 within IPv6 (<c>::ffff:192.0.2.1</c>) is IPv4. Stateless and thread-safe.
/// </summary>
public static class AddressText
{
    private const int Longest = 45;
    private static readonly SearchValues<char> Ipv6 = SearchValues.Create("0123456789abcdefABCDEF:.");

    /// <summary>Reads an address, <c>192.0.2.1</c> or <c>2001:db8::1</c>; null where it is none.</summary>
    public static IPAddress? Address(ReadOnlySpan<char> text)
    {
        if (text.Length is 0 or > Longest)
            return null;
        if (TryIpv4(text, out var bits))
            return Ipv4(bits);
        return text.Contains(':') && !text.ContainsAnyExcept(Ipv6) && IPAddress.TryParse(text, out var address) ? Plain(address) : null;
    }

    /// <summary>
    /// Reads an address as proxies write it: maybe in brackets (IPv6), and maybe with a port after it (IPv6 then in brackets);
    /// null where it is none.
    /// </summary>
    public static IPAddress? Hop(ReadOnlySpan<char> text)
    {
        if (text.StartsWith('['))
        {
            var end = text.IndexOf(']');
            return end > 0 && IsPortOrNothing(text[(end + 1)..]) && text[1..end].Contains(':') ? Address(text[1..end]) : null;
        }

        var colon = text.IndexOf(':');
        return colon > 0 && colon == text.LastIndexOf(':')
            ? IsPortOrNothing(text[colon..]) && TryIpv4(text[..colon], out var bits) ? Ipv4(bits) : null
            : Address(text);
    }

    /// <summary>Reads a network, <c>10.0.0.0/8</c>, or a single address.</summary>
    /// <param name="text">The text.</param>
    /// <param name="network">The network.</param>
    /// <param name="problem">What is wrong with it, for people; empty where nothing is.</param>
    public static bool TryNetwork(string text, out IPNetwork network, out string problem)
    {
        problem = "";
        var slash = text.IndexOf('/', StringComparison.Ordinal);
        var written = slash < 0 ? text : text[..slash];
        if (Address(written) is not { } address || (slash >= 0 && address.AddressFamily == AddressFamily.InterNetwork && written.Contains(':', StringComparison.Ordinal)))
        {
            network = default;
            problem = slash < 0 ? "is neither an address nor a network such as 10.0.0.0/8" : NoNetwork;
            return false;
        }

        if (slash < 0)
        {
            network = new IPNetwork(address, address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128);
            return true;
        }

        if (IPNetwork.TryParse(text, out network) && network.BaseAddress.Equals(address))
            return true;
        problem = NoNetwork;
        return false;
    }

    /// <summary>The address itself, or the IPv4 address within it.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    /// <summary>Dotted decimal, four parts without leading zeros.</summary>
    internal static bool TryIpv4(ReadOnlySpan<char> text, out uint bits)
    {
        bits = 0;
        var at = 0;
        for (var part = 0; part < 4; part++)
        {
            if (part > 0 && (at >= text.Length || text[at++] != '.'))
                return false;
            var (value, digits) = (0u, 0);
            while (at < text.Length && char.IsAsciiDigit(text[at]) && digits < 4)
                (value, digits, at) = (value * 10 + (uint)(text[at] - '0'), digits + 1, at + 1);
            if (digits is 0 or > 3 || value > 255 || (digits > 1 && text[at - digits] == '0'))
                return false;
            bits = bits << 8 | value;
        }

        return at == text.Length;
    }

    private const string NoNetwork = "is no network: an address and a length, with no bits set after it, such as 10.0.0.0/8";

    private static IPAddress Ipv4(uint bits) => new([(byte)(bits >> 24), (byte)(bits >> 16), (byte)(bits >> 8), (byte)bits]);

    private static bool IsPortOrNothing(ReadOnlySpan<char> text) =>
        text.IsEmpty || (text.Length is >= 2 and <= 6 && text[0] == ':' && !text[1..].ContainsAnyExceptInRange('0', '9') && int.Parse(text[1..]) <= 65_535);
}
