using System.Runtime.InteropServices;
using System.Text;

namespace JitGrains.Network;

/// <summary>
/// Address tables as CSV (RFC 4180, UTF-8), a range a line: first and last address, or a network (CIDR), then a country's two
/// letters or a network's number. Addresses may be decimal numbers. A first line of titles, and columns after that, are
/// skipped. Stateless and thread-safe.
/// </summary>
internal static class CsvTable
{
    private const int MaxFields = 32;

    /// <summary>Adds what the file says.</summary>
    /// <exception cref="FormatException">A line is no such line; it is named.</exception>
    public static void AddTo(ReadOnlySpan<byte> file, RangeTable.Builder countries, RangeTable.Builder networks)
    {
        if (file.StartsWith("\uFEFF"u8))
            file = file[3..];
        Span<Range> fields = stackalloc Range[MaxFields];
        Span<char> line = stackalloc char[1024];
        for (var number = 1; !file.IsEmpty; number++)
        {
            var end = file.IndexOf((byte)'\n');
            var raw = (end < 0 ? file : file[..end]).TrimEnd((byte)'\r');
            file = end < 0 ? default : file[(end + 1)..];
            if (raw.IsEmpty || raw[0] == '#')
                continue;
            if (raw.Length > line.Length || !Encoding.UTF8.TryGetChars(raw, line, out var length))
                throw new FormatException($"line {number} is too long");
            var text = line[..length];
            var count = Split(text, fields);
            if (count < 2 || !TryRow(text, fields[..count], out var row))
            {
                if (number == 1 && count >= 2 && text[0] is not (>= '0' and <= '9'))
                    continue;
                throw new FormatException($"line {number} is no range with a country or a network's number");
            }

            if (row.Country != 0)
                countries.Add(row.IsIpv4, row.Start, row.End, row.Country);
            if (row.Asn != 0)
                networks.Add(row.IsIpv4, row.Start, row.End, row.Asn);
            if (Math.Max(countries.Count, networks.Count) > AddressTable.MaxRanges)
                throw new FormatException($"more than {AddressTable.MaxRanges} ranges");
        }

        if (countries.Count + networks.Count == 0)
            throw new FormatException("there is no range in it");
    }

    /// <summary>Fields without their quotes; a doubled quote within one is left doubled, since only names have any.</summary>
    private static int Split(ReadOnlySpan<char> line, Span<Range> fields)
    {
        var (count, at) = (0, 0);
        while (count < fields.Length)
        {
            if (at < line.Length && line[at] == '"')
            {
                var end = at + 1;
                while (true)
                {
                    var quote = line[end..].IndexOf('"');
                    if (quote < 0)
                        return 0;
                    end += quote;
                    if (end + 1 == line.Length || line[end + 1] != '"')
                        break;
                    end += 2;
                }

                fields[count++] = (at + 1)..end;
                at = end + 1;
            }
            else
            {
                var comma = line[at..].IndexOf(',');
                var end = comma < 0 ? line.Length : at + comma;
                fields[count++] = at..end;
                at = end;
            }

            if (at >= line.Length)
                return count;
            if (line[at++] != ',')
                return 0;
        }

        return count;
    }

    private static bool TryRow(ReadOnlySpan<char> line, ReadOnlySpan<Range> fields, out Row row)
    {
        row = default;
        var value = 2;
        if (line[fields[0]].Contains('/'))
        {
            if (!AddressText.TryNetwork(line[fields[0]].ToString(), out var network, out _))
                return false;
            var start = AddressBits.Of(network.BaseAddress, out var isIpv4);
            var free = (isIpv4 ? 32 : 128) - network.PrefixLength;
            row = new Row(isIpv4, start, start | (free == 128 ? UInt128.MaxValue : (UInt128.One << free) - 1), 0, 0);
            value = 1;
        }
        else if (TryAddress(line[fields[0]], out var isIpv4, out var start) && TryAddress(line[fields[1]], out var endIsIpv4, out var end) && isIpv4 == endIsIpv4 && start <= end)
        {
            row = new Row(isIpv4, start, end, 0, 0);
        }
        else
        {
            return false;
        }

        return value < fields.Length && TryValue(line[fields[value]], ref row);
    }

    /// <summary>A country or a number; an empty field, a hyphen or <c>ZZ</c> says nothing.</summary>
    private static bool TryValue(ReadOnlySpan<char> text, ref Row row)
    {
        if (text.Length == 0 || text is "-" or "0")
            return true;
        if (CountryCode.TryParse(text, out var country))
        {
            row = row with { Country = country.Code };
            return true;
        }

        if (text.StartsWith("AS", StringComparison.OrdinalIgnoreCase))
            text = text[2..];
        if (!uint.TryParse(text, System.Globalization.NumberStyles.None, null, out var asn))
            return false;
        row = row with { Asn = asn };
        return true;
    }

    private static bool TryAddress(ReadOnlySpan<char> text, out bool isIpv4, out UInt128 bits)
    {
        (isIpv4, bits) = (true, 0);
        if (AddressText.TryIpv4(text, out var four))
        {
            bits = four;
            return true;
        }

        if (UInt128.TryParse(text, System.Globalization.NumberStyles.None, null, out bits))
        {
            isIpv4 = bits <= uint.MaxValue;
            return true;
        }

        if (AddressText.Address(text) is not { } address)
            return false;
        bits = AddressBits.Of(address, out isIpv4);
        return true;
    }

    [StructLayout(LayoutKind.Auto)]
    private readonly record struct Row(bool IsIpv4, UInt128 Start, UInt128 End, uint Country, uint Asn);
}
