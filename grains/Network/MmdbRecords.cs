namespace JitGrains.Network;

/// <summary>
/// What the records of a MaxMind DB say of countries and networks, under the names that the usual files have. Each record is
/// read once, however many leaves name it. Not thread-safe.
/// </summary>
internal sealed class MmdbRecords(ReadOnlyMemory<byte> section)
{
    private readonly MmdbDecoder decoder = new(section);
    private readonly Dictionary<uint, (uint Country, uint Asn)> known = [];

    /// <summary>The country's code and the network's number in a record; 0 where it does not say.</summary>
    /// <exception cref="FormatException">There is no record there, or it is malformed.</exception>
    public (uint Country, uint Asn) At(uint offset)
    {
        if (known.TryGetValue(offset, out var says))
            return says;
        if (offset >= section.Length)
            throw new FormatException("its tree names a record that is not there");
        foreach (var (name, value) in decoder.Entries((int)offset))
        {
            switch (name)
            {
                case "country_code":
                    says.Country = Country(value);
                    break;
                case "country":
                    says.Country = decoder.IsMap(value) ? decoder.Entries(value).Where(e => e.Name == "iso_code").Select(e => Country(e.Value)).FirstOrDefault() : Country(value);
                    break;
                case "autonomous_system_number" or "asn":
                    says.Asn = Asn(value);
                    break;
            }
        }

        known.Add(offset, says);
        return says;
    }

    private uint Country(int at) => decoder.TextAt(at) is { } text && CountryCode.TryParse(text, out var country) ? country.Code : 0;

    private uint Asn(int at)
    {
        if (decoder.TryInteger(at, out var number))
            return number <= uint.MaxValue ? (uint)number : 0;
        var text = decoder.TextAt(at).AsSpan();
        return text.StartsWith("AS", StringComparison.OrdinalIgnoreCase) && uint.TryParse(text[2..], System.Globalization.NumberStyles.None, null, out var written) ? written : 0;
    }
}
