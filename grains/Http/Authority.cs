using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace JitGrains.Http;

/// <summary>A host with an optional port, in one form.</summary>
/// <param name="Text">Lower case, with its port where that is not the scheme's default.</param>
/// <param name="Host">Without port; an IPv6 address in brackets.</param>
internal sealed record Authority(string Text, string Host)
{
    private const int MaxHostLength = 253;
    private const int MaxLabelLength = 63;

    // Underscores are in no domain name, but in the names of containers and services.
    private static readonly SearchValues<char> LabelCharacters = SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyz-_");

    private static readonly SearchValues<char> AddressCharacters = SearchValues.Create("0123456789abcdefABCDEF:.");

    /// <summary>Null for anything but a plain host and port: no user, no percent-encoding, no trailing dot, no odd spelling of an address.</summary>
    public static Authority? TryParse(string text, string scheme)
    {
        var bracket = text.IndexOf(']', StringComparison.Ordinal);
        var colon = text.IndexOf(':', Math.Max(bracket, 0));
        var hostText = colon < 0 ? text : text[..colon];
        if (HostOf(hostText) is not { } host)
            return null;
        if (colon < 0)
            return new Authority(host, host);

        var digits = text.AsSpan(colon + 1);
        if (digits.Length is 0 or > 5 || digits[0] == '0' || digits.ContainsAnyExceptInRange('0', '9'))
            return null;
        var port = int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
        if (port > 65535)
            return null;
        var isDefault = port == (scheme == "https" ? 443 : 80);
        return new Authority(isDefault ? host : $"{host}:{port.ToString(CultureInfo.InvariantCulture)}", host);
    }

    private static string? HostOf(string text)
    {
        if (text.StartsWith('['))
            return AddressOf(text);
        if (text.Length is 0 or > MaxHostLength)
            return null;
        var host = text.ToLowerInvariant();
        var rest = host.AsSpan();
        while (true)
        {
            var dot = rest.IndexOf('.');
            var label = dot < 0 ? rest : rest[..dot];
            if (label.Length is 0 or > MaxLabelLength || label.ContainsAnyExcept(LabelCharacters))
                return null;
            if (dot < 0)
                return !LooksNumeric(label) || IsDottedQuad(host) ? host : null;
            rest = rest[(dot + 1)..];
        }
    }

    /// <summary>As the URL standard has it: a host whose last label is a number is an IPv4 address, in one of many spellings.</summary>
    private static bool LooksNumeric(ReadOnlySpan<char> label) => char.IsAsciiDigit(label[0])
        && (!label.ContainsAnyExceptInRange('0', '9') || label.StartsWith("0x", StringComparison.Ordinal));

    private static bool IsDottedQuad(string host) => IPAddress.TryParse(host, out var address) && address.ToString() == host;

    private static string? AddressOf(string text)
    {
        if (!text.EndsWith(']'))
            return null;
        var inner = text.AsSpan(1, text.Length - 2);
        return !inner.ContainsAnyExcept(AddressCharacters)
            && IPAddress.TryParse(inner, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6
            ? $"[{address}]"
            : null;
    }
}
