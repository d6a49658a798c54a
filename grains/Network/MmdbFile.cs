using System.Buffers.Binary;

namespace JitGrains.Network;

/// <summary>
/// A MaxMind DB (file format specification 2.0): a search tree over the bits of addresses, whose leaves name records. The whole
/// tree is walked once; what it says of countries and networks goes into tables, and the file is not looked at again. No
/// content makes it read outside of the file, or work longer than in proportion to its size. Not thread-safe.
/// </summary>
internal sealed class MmdbFile
{
    private const int MaxMetadata = 128 * 1024;
    private readonly ReadOnlyMemory<byte> tree;
    private readonly MmdbRecords records;
    private readonly uint nodes;
    private readonly int recordBits;
    private readonly int depth;
    private uint visited;
    private uint ipv4Root = uint.MaxValue;

    /// <summary>Reads the metadata.</summary>
    /// <exception cref="FormatException">It is no such file, or a kind that is not known.</exception>
    public MmdbFile(ReadOnlyMemory<byte> file)
    {
        var at = MarkerOf(file.Span);
        if (at < 0)
            throw new FormatException("it is no MMDB file");
        var metadata = new MmdbDecoder(file[(at + Marker.Length)..]).Integers(0);
        var bits = metadata.GetValueOrDefault("record_size");
        var version = metadata.GetValueOrDefault("ip_version");
        var count = metadata.GetValueOrDefault("node_count");
        if (metadata.GetValueOrDefault("binary_format_major_version") != 2 || bits is not (24 or 28 or 32) || version is not (4 or 6))
            throw new FormatException("its metadata is not that of an MMDB file of format 2");
        (recordBits, depth) = ((int)bits, version == 4 ? 32 : 128);
        var size = count * bits / 4;
        // 16 zero bytes stand between the tree and the records.
        if (count is 0 or > uint.MaxValue || size + 16 > (ulong)at)
            throw new FormatException("its tree is longer than the file");
        nodes = (uint)count;
        tree = file[..(int)size];
        records = new MmdbRecords(file[((int)size + 16)..at]);
    }

    private static ReadOnlySpan<byte> Marker => [0xab, 0xcd, 0xef, (byte)'M', (byte)'a', (byte)'x', (byte)'M', (byte)'i', (byte)'n', (byte)'d', (byte)'.', (byte)'c', (byte)'o', (byte)'m'];

    /// <summary>Whether the content has the marker of such files.</summary>
    public static bool IsOne(ReadOnlySpan<byte> file) => MarkerOf(file) >= 0;

    /// <summary>Adds what the file says.</summary>
    /// <exception cref="FormatException">The tree or a record is malformed.</exception>
    public void AddTo(RangeTable.Builder countries, RangeTable.Builder networks)
    {
        if (depth == 128)
            ipv4Root = FindIpv4Root();
        Walk(0, 0, 0);

        void Walk(uint node, UInt128 prefix, int length)
        {
            if (++visited > nodes || length >= depth)
                throw new FormatException("its tree leads back into itself");
            for (var side = 0u; side < 2; side++)
            {
                var next = Record(node, side);
                var below = prefix | ((UInt128)side << (depth - 1 - length));
                if (next < nodes)
                {
                    // IPv4 is there once, at ::/96; what leads to it from elsewhere (::ffff:0:0/96, 2002::/16) is an alias.
                    if (next != ipv4Root || (length == 95 && below == 0))
                        Walk(next, below, length + 1);
                }
                else if (next > nodes)
                {
                    Leaf(below, length + 1, records.At(next - nodes - 16));
                }
            }
        }

        void Leaf(UInt128 start, int length, (uint Country, uint Asn) says)
        {
            var end = start | ((UInt128.One << (depth - length)) - 1);
            var isIpv4 = depth == 32 || end >> 32 == 0;
            if (says.Country != 0)
                countries.Add(isIpv4, start, end, says.Country);
            if (says.Asn != 0)
                networks.Add(isIpv4, start, end, says.Asn);
            if (Math.Max(countries.Count, networks.Count) > AddressTable.MaxRanges)
                throw new FormatException($"more than {AddressTable.MaxRanges} ranges");
        }
    }

    private static int MarkerOf(ReadOnlySpan<byte> file)
    {
        var skipped = Math.Max(0, file.Length - MaxMetadata);
        var at = file[skipped..].LastIndexOf(Marker);
        return at < 0 ? -1 : skipped + at;
    }

    private uint FindIpv4Root()
    {
        var node = 0u;
        for (var bit = 0; bit < 96 && node < nodes; bit++)
            node = Record(node, 0);
        return node < nodes ? node : uint.MaxValue;
    }

    private uint Record(uint node, uint side)
    {
        var bytes = tree.Span.Slice((int)(node * (ulong)recordBits / 4), recordBits / 4);
        return recordBits switch
        {
            24 => side == 0 ? (uint)(bytes[0] << 16 | bytes[1] << 8 | bytes[2]) : (uint)(bytes[3] << 16 | bytes[4] << 8 | bytes[5]),
            28 => side == 0 ? (uint)((bytes[3] & 0xf0) << 20 | bytes[0] << 16 | bytes[1] << 8 | bytes[2]) : (uint)((bytes[3] & 0x0f) << 24 | bytes[4] << 16 | bytes[5] << 8 | bytes[6]),
            _ => BinaryPrimitives.ReadUInt32BigEndian(bytes[(side == 0 ? 0 : 4)..]),
        };
    }
}
