using System.Net;

namespace JitGrains.Network;

/// <summary>Where a call comes from, as far as it is known.</summary>
/// <param name="Address">The client's address, IPv4 as such; null where it is not known.</param>
/// <param name="Country">Its country by the address table; the default where that does not say.</param>
/// <param name="Asn">The number of its network (autonomous system) by the address table; 0 where that does not say.</param>
public readonly record struct CallOrigin(IPAddress? Address, CountryCode Country = default, uint Asn = 0);

/// <summary>A country of ISO 3166-1, two capital letters. The default is none.</summary>
public readonly record struct CountryCode
{
    private static readonly string[] Texts = [.. Enumerable.Range(0, 26 * 26).Select(i => $"{(char)('A' + i / 26)}{(char)('A' + i % 26)}")];
    private readonly ushort code;

    internal CountryCode(uint code) => this.code = (ushort)code;

    /// <summary>Whether there is one.</summary>
    public bool IsKnown => code != 0;

    /// <summary>As a number above zero; 0 for none.</summary>
    internal uint Code => code;

    /// <summary>Reads two letters in either case. <c>ZZ</c> (unknown, by user-assigned convention) is none.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out CountryCode country)
    {
        country = default;
        if (text.Length != 2 || !char.IsAsciiLetter(text[0]) || !char.IsAsciiLetter(text[1]))
            return false;
        var (first, second) = (char.ToUpperInvariant(text[0]) - 'A', char.ToUpperInvariant(text[1]) - 'A');
        country = first == 25 && second == 25 ? default : new CountryCode((uint)(first * 26 + second + 1));
        return true;
    }

    /// <summary>The two letters; empty for none.</summary>
    public override string ToString() => code is 0 or > 26 * 26 ? "" : Texts[code - 1];
}
