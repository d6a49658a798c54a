using System.Net;

namespace JitGrains.Network;

/// <summary>Countries and networks (autonomous systems) of addresses, as its files say. Immutable and thread-safe; a look-up allocates nothing.</summary>
public sealed class AddressTable
{
    /// <summary>Most ranges of one table, of countries or of networks.</summary>
    public const int MaxRanges = 8_000_000;

    private readonly RangeTable countries, networks;

    internal AddressTable(RangeTable countries, RangeTable networks) => (this.countries, this.networks) = (countries, networks);

    /// <summary>One that knows nothing.</summary>
    public static AddressTable Empty { get; } = new(RangeTable.Empty, RangeTable.Empty);

    /// <summary>Ranges of which it knows the country.</summary>
    public int Countries => countries.Count;

    /// <summary>Ranges of which it knows the network.</summary>
    public int Networks => networks.Count;

    /// <summary>What is known of an address.</summary>
    public CallOrigin Find(IPAddress? address) =>
        address is null ? default : new CallOrigin(address, new CountryCode(countries.Find(address)), networks.Find(address));

    /// <summary>
    /// Makes one table of several files: MMDB by its marker, otherwise CSV. Bounded in time and memory by the files' size,
    /// whatever is in them.
    /// </summary>
    /// <param name="files">Names, for problems, and contents.</param>
    /// <param name="problem">Why there is none; empty where there is.</param>
    /// <returns>The table; null where a file cannot be taken.</returns>
    public static AddressTable? TryRead(IEnumerable<(string Name, ReadOnlyMemory<byte> Content)> files, out string problem)
    {
        var (countries, networks) = (new RangeTable.Builder(), new RangeTable.Builder());
        foreach (var (name, content) in files)
        {
            try
            {
                if (MmdbFile.IsOne(content.Span))
                    new MmdbFile(content).AddTo(countries, networks);
                else
                    CsvTable.AddTo(content.Span, countries, networks);
            }
            catch (FormatException e)
            {
                problem = $"{name}: {e.Message}";
                return null;
            }
        }

        problem = "";
        return new AddressTable(countries.Build(), networks.Build());
    }
}
