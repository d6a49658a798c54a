using System.Text;

namespace JitGrains.Network;

/// <summary>
/// Decodes the data of a MaxMind DB: what is asked for, everything else is stepped over. Reads never leave the section, and all
/// reads together are bounded. Not thread-safe.
/// </summary>
internal sealed class MmdbDecoder(ReadOnlyMemory<byte> section)
{
    private const int MaxDepth = 16;
    private const int MaxEntries = 1024;
    private const int MaxText = 1024;
    private const int Pointer = 1, Text = 2, Double = 3, Unsigned16 = 5, Unsigned32 = 6, Map = 7, Signed32 = 8, Unsigned64 = 9, Unsigned128 = 10, List = 11, Flag = 14, Float = 15;

    // Each record is decoded once, so that a fair file needs far fewer.
    private long left = 1_000_000 + 16L * section.Length;

    private ReadOnlySpan<byte> Data => section.Span;

    /// <summary>The integers of the map at a place, by name.</summary>
    /// <exception cref="FormatException">There is none, or it is malformed.</exception>
    public Dictionary<string, ulong> Integers(int at)
    {
        var found = new Dictionary<string, ulong>(StringComparer.Ordinal);
        foreach (var (name, value) in Entries(at))
        {
            if (TryInteger(value, out var number))
                found[name] = number;
        }

        return found;
    }

    /// <summary>The places of the values in the map at a place, by name.</summary>
    /// <exception cref="FormatException">There is none, or it is malformed.</exception>
    public List<(string Name, int Value)> Entries(int at)
    {
        var (type, size, start, _) = Follow(at);
        if (type != Map || size > MaxEntries)
            throw Malformed;
        var all = new List<(string, int)>();
        for (var i = 0; i < size; i++)
        {
            var name = TextAt(start) ?? throw Malformed;
            start = Skip(start, 0);
            all.Add((name, start));
            start = Skip(start, 0);
        }

        return all;
    }

    /// <summary>Whether there is a map at a place.</summary>
    public bool IsMap(int at) => Follow(at).Type == Map;

    /// <summary>The text at a place; null where there is another value, or it is long.</summary>
    public string? TextAt(int at)
    {
        var (type, size, start, _) = Follow(at);
        return type == Text && size <= MaxText ? Encoding.UTF8.GetString(Slice(start, size)) : null;
    }

    /// <summary>The unsigned integer of at most 64 bits at a place.</summary>
    public bool TryInteger(int at, out ulong value)
    {
        value = 0;
        var (type, size, start, _) = Follow(at);
        if (type is not (Unsigned16 or Unsigned32 or Unsigned64) || size > 8)
            return false;
        foreach (var part in Slice(start, size))
            value = value << 8 | part;
        return true;
    }

    private static FormatException Malformed => new("a record is malformed");

    /// <summary>Type, size and start of the value at a place, a pointer to it followed; and where what follows stands.</summary>
    private (int Type, int Size, int Start, int After) Follow(int at)
    {
        var value = Control(at);
        if (value.Type != Pointer)
            return value with { After = -1 };
        var target = Control(value.Start);
        // The format has no pointers to pointers.
        return target.Type == Pointer ? throw Malformed : target with { After = value.After };
    }

    /// <summary>The control bytes at a place. Of a pointer, the start is where it points to, and what follows it is known.</summary>
    private (int Type, int Size, int Start, int After) Control(int at)
    {
        if (--left < 0)
            throw new FormatException("its records refer to one another without end");
        var control = Slice(at, 1)[0];
        var type = control >> 5;
        at++;
        if (type == Pointer)
        {
            var length = ((control >> 3) & 3) + 1;
            var bytes = Slice(at, length);
            ulong target = length == 4 ? 0 : (ulong)(control & 7);
            foreach (var part in bytes)
                target = target << 8 | part;
            target += length switch { 2 => 2048, 3 => 526_336, _ => 0ul };
            return target < (ulong)Data.Length ? (Pointer, 0, (int)target, at + length) : throw Malformed;
        }

        if (type == 0)
            type = 7 + Slice(at++, 1)[0];
        var size = control & 31;
        if (size >= 29)
        {
            var extra = Slice(at, size - 28);
            at += extra.Length;
            size = extra.Length switch { 1 => 29 + extra[0], 2 => 285 + (extra[0] << 8 | extra[1]), _ => 65_821 + (extra[0] << 16 | extra[1] << 8 | extra[2]) };
        }

        return (type, size, at, -1);
    }

    /// <summary>Where what follows the value at a place stands.</summary>
    private int Skip(int at, int depth)
    {
        var (type, size, start, after) = Control(at);
        if (type == Pointer)
            return after;
        switch (type)
        {
            case Map or List:
                if (depth >= MaxDepth)
                    throw Malformed;
                for (var i = type == Map ? size * 2L : size; i > 0; i--)
                    start = Skip(start, depth + 1);
                return start;
            case Flag:
                return start;
            case Text or Double or 4 or Unsigned16 or Unsigned32 or Signed32 or Unsigned64 or Unsigned128 or Float:
                return start + Slice(start, size).Length;
            default:
                throw Malformed;
        }
    }

    private ReadOnlySpan<byte> Slice(int at, int length) =>
        at >= 0 && length <= Data.Length - at ? Data.Slice(at, length) : throw Malformed;
}
