using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace JitGrains.Network;

/// <summary>Addresses as numbers, without allocation. Stateless and thread-safe.</summary>
internal static class AddressBits
{
    /// <summary>The address as a number; for IPv4, also within IPv6, its 32 bits.</summary>
    public static UInt128 Of(IPAddress address, out bool isIpv4)
    {
        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        isIpv4 = true;
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return BinaryPrimitives.ReadUInt32BigEndian(bytes);
        var bits = BinaryPrimitives.ReadUInt128BigEndian(bytes);
        if (bits >> 32 == 0xffff)
            return (uint)bits;
        isIpv4 = false;
        return bits;
    }

    /// <summary>The place of the last start that is not above the key in a sorted list; -1 where there is none.</summary>
    public static int Floor<T>(ReadOnlySpan<T> starts, T key)
        where T : struct, IComparable<T>
    {
        var (low, high) = (0, starts.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            if (starts[middle].CompareTo(key) <= 0)
                low = middle + 1;
            else
                high = middle - 1;
        }

        return high;
    }
}
