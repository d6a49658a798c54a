using System.Net;
using System.Net.Sockets;

namespace JitGrains.Network;

/// <summary>
/// A set of networks, packed and sorted: looking an address up takes time logarithmic in their number and allocates nothing.
/// Immutable and thread-safe.
/// </summary>
public sealed class AddressSet
{
    private readonly UInt128[] starts4, ends4, starts6, ends6;

    /// <summary>A set of these networks; they may overlap.</summary>
    public AddressSet(IEnumerable<IPNetwork> networks)
    {
        var all = networks.Select(RangeOf).OrderBy(r => r.Start).ToLookup(r => r.IsIpv4);
        (starts4, ends4) = Merge(all[true]);
        (starts6, ends6) = Merge(all[false]);
    }

    /// <summary>Nothing.</summary>
    public static AddressSet Empty { get; } = new([]);

    /// <summary>Whether nothing is in it.</summary>
    public bool IsEmpty => starts4.Length == 0 && starts6.Length == 0;

    /// <summary>Whether an address is in one of the networks. IPv4 within IPv6 is IPv4.</summary>
    public bool Contains(IPAddress address)
    {
        var bits = AddressBits.Of(address, out var isIpv4);
        var at = AddressBits.Floor<UInt128>(isIpv4 ? starts4 : starts6, bits);
        return at >= 0 && bits <= (isIpv4 ? ends4 : ends6)[at];
    }

    private static (bool IsIpv4, UInt128 Start, UInt128 End) RangeOf(IPNetwork network)
    {
        var start = AddressBits.Of(network.BaseAddress, out var isIpv4);
        var free = (network.BaseAddress.AddressFamily == AddressFamily.InterNetwork ? 32 : 128) - network.PrefixLength;
        return (isIpv4, start, start | (free == 128 ? UInt128.MaxValue : (UInt128.One << free) - 1));
    }

    private static (UInt128[] Starts, UInt128[] Ends) Merge(IEnumerable<(bool IsIpv4, UInt128 Start, UInt128 End)> sorted)
    {
        var starts = new List<UInt128>();
        var ends = new List<UInt128>();
        foreach (var (_, start, end) in sorted)
        {
            if (ends.Count > 0 && start <= ends[^1])
            {
                ends[^1] = UInt128.Max(ends[^1], end);
                continue;
            }

            starts.Add(start);
            ends.Add(end);
        }

        return ([.. starts], [.. ends]);
    }
}
