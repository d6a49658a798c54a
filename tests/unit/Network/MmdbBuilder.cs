using System.Net;
using System.Text;

namespace JitGrains.UnitTests.Network;

/// <summary>Writes small MaxMind DB files as the specification has them, and such as it would not have.</summary>
internal sealed class MmdbBuilder(int bits = 28, int version = 6)
{
    private readonly List<uint[]> nodes = [[0, 0]];
    private readonly List<byte> data = [];
    private const uint Record = 0x8000_0000;

    public static byte[] Marker => [0xab, 0xcd, 0xef, .. "MaxMind.com"u8];

    /// <summary>Nodes each of which leads to the next twice: walked as a tree, they are 2 to the power of their number.</summary>
    public MmdbBuilder Doubled(uint count)
    {
        nodes.Clear();
        for (var i = 0u; i < count; i++)
            nodes.Add(i + 1 < count ? [i + 1, i + 1] : [0, 0]);
        return this;
    }

    /// <summary>Adds a record and says it of a network.</summary>
    public MmdbBuilder Say(string network, params object[] map) => Link(network, Record | Put(Map(map)));

    /// <summary>Says of a network what a place in the data says.</summary>
    public MmdbBuilder Link(string network, uint target)
    {
        var parsed = IPNetwork.Parse(network);
        var bytes = parsed.BaseAddress.GetAddressBytes();
        var length = parsed.PrefixLength;
        if (version == 6 && bytes.Length == 4)
            (bytes, length) = ([.. new byte[12], .. bytes], length + 96);
        var at = 0;
        for (var bit = 0; bit < length; bit++)
        {
            var side = bytes[bit / 8] >> (7 - bit % 8) & 1;
            if (bit == length - 1)
            {
                nodes[at][side] = target;
                break;
            }

            if (nodes[at][side] == 0)
            {
                nodes.Add([0, 0]);
                nodes[at][side] = (uint)nodes.Count - 1;
            }

            at = (int)nodes[at][side];
        }

        return this;
    }

    /// <summary>The node that a network's first bits lead to.</summary>
    public uint NodeOf(int zeros)
    {
        var at = 0u;
        for (var bit = 0; bit < zeros; bit++)
            at = nodes[(int)at][0];
        return at;
    }

    /// <summary>Puts bytes into the data; their place.</summary>
    public uint Put(byte[] bytes)
    {
        data.AddRange(bytes);
        return (uint)(data.Count - bytes.Length);
    }

    public byte[] Build(params (string Name, object Value)[] metadata)
    {
        var file = new List<byte>();
        var count = (uint)nodes.Count;
        foreach (var node in nodes)
        {
            var (left, right) = (Value(node[0]), Value(node[1]));
            switch (bits)
            {
                case 24:
                    file.AddRange([(byte)(left >> 16), (byte)(left >> 8), (byte)left, (byte)(right >> 16), (byte)(right >> 8), (byte)right]);
                    break;
                case 28:
                    file.AddRange([(byte)(left >> 16), (byte)(left >> 8), (byte)left, (byte)(left >> 20 & 0xf0 | right >> 24), (byte)(right >> 16), (byte)(right >> 8), (byte)right]);
                    break;
                default:
                    file.AddRange([(byte)(left >> 24), (byte)(left >> 16), (byte)(left >> 8), (byte)left, (byte)(right >> 24), (byte)(right >> 16), (byte)(right >> 8), (byte)right]);
                    break;
            }
        }

        file.AddRange(new byte[16]);
        file.AddRange(data);
        file.AddRange(Marker);
        var fields = new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["binary_format_major_version"] = 2u, ["binary_format_minor_version"] = 0u, ["build_epoch"] = 1_700_000_000u, ["database_type"] = "Test", ["description"] = Map("en", "A test"),
            ["ip_version"] = (uint)version, ["node_count"] = count, ["record_size"] = (uint)bits, ["languages"] = new byte[] { 0x01, 0x04, 0x42, (byte)'e', (byte)'n' },
        };
        foreach (var (name, value) in metadata)
            fields[name] = value;
        file.AddRange(Map([.. fields.SelectMany(f => new[] { f.Key, f.Value })]));
        return [.. file];

        // 0 stands for nothing here, which the format says by the number of nodes.
        uint Value(uint target) => target == 0 ? count : (target & Record) != 0 ? count + 16 + (target & ~Record) : target;
    }

    /// <summary>A map: names and values by turns; bytes stand for themselves.</summary>
    public static byte[] Map(params object[] entries) => [.. Sized(7, entries.Length / 2), .. entries.SelectMany(Encode)];

    public static byte[] Pointer(uint to) => to < 2048
        ? [(byte)(0x20 | to >> 8), (byte)to]
        : [0x38, (byte)(to >> 24), (byte)(to >> 16), (byte)(to >> 8), (byte)to];

    public static byte[] Sized(int type, int size)
    {
        byte[] kind = type > 7 ? [(byte)(type - 7)] : [];
        var top = type > 7 ? 0 : type << 5;
        return size switch
        {
            < 29 => [(byte)(top | size), .. kind],
            < 285 => [(byte)(top | 29), .. kind, (byte)(size - 29)],
            < 65_821 => [(byte)(top | 30), .. kind, (byte)((size - 285) >> 8), (byte)(size - 285)],
            _ => [(byte)(top | 31), .. kind, (byte)((size - 65_821) >> 16), (byte)((size - 65_821) >> 8), (byte)(size - 65_821)],
        };
    }

    private static IEnumerable<byte> Encode(object value) => value switch
    {
        byte[] raw => raw,
        string text => [.. Sized(2, Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)],
        uint number => [.. Sized(6, 4), (byte)(number >> 24), (byte)(number >> 16), (byte)(number >> 8), (byte)number],
        bool flag => Sized(14, flag ? 1 : 0),
        double real => [.. Sized(3, 8), .. BitConverter.GetBytes(real).Reverse()],
        _ => throw new ArgumentOutOfRangeException(nameof(value)),
    };
}
